// The style sheet of report.html. Pictures stand on a white card in the dark scheme too.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

#include "reports/plot_parts.hpp"

namespace snellen {

inline constexpr std::string_view kPageStyle = R"(:root {
  color-scheme: light dark;
  --page: #f6f7f9; --card: #ffffff; --ink: #16202b; --soft: #55616e; --line: #dfe4ea; --accent: #0b3c6f; --warn: #8a4b00; --warn-back: #fff1d6; --seen: #f2f5f8;
}
@media (prefers-color-scheme: dark) {
  :root { --page: #12161b; --card: #1b2129; --ink: #e6ebf0; --soft: #a3afbc; --line: #323b46; --accent: #8fc1f2; --warn: #ffcf8a; --warn-back: #3a2a10; --seen: #20272f; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.5 system-ui, -apple-system, "Segoe UI", "Noto Sans", "Liberation Sans", sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 20px 20px 60px; }
.eyebrow { margin: 0; color: var(--soft); font-size: 13px; letter-spacing: .04em; }
h1 { margin: 2px 0; font-size: 27px; line-height: 1.2; overflow-wrap: anywhere; }
h2 { margin: 38px 0 10px; font-size: 19px; }
.subject { margin: 0 0 12px; color: var(--soft); font-size: 14.5px; overflow-wrap: anywhere; }
code { font: .92em ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
sup, sub { line-height: 0; font-size: .72em; }
.result { background: var(--card); border: 1px solid var(--line); border-left: 5px solid var(--accent); border-radius: 6px; padding: 10px 18px 12px; }
.headline { margin: 0; font-size: 20px; line-height: 1.4; font-weight: 600; }
.result ul { margin: 6px 0 0; padding-left: 18px; color: var(--soft); font-size: 14.5px; }
.banner { margin: 7px 0 0; padding: 3px 12px; border-radius: 4px; background: var(--warn-back); color: var(--warn); font-weight: 600; font-size: 14.5px; }
figure { margin: 12px 0 0; }
.card { background: #ffffff; border: 1px solid var(--line); border-radius: 6px; padding: 6px; overflow-x: auto; }
.card svg { display: block; width: 100%; min-width: 540px; height: auto; }
.missing { color: #7a4300; padding: 40px; text-align: center; }
figcaption, .note { margin: 8px 2px 0; color: var(--soft); font-size: 13.5px; }
.wide { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 6px; }
table { border-collapse: collapse; width: 100%; font-size: 14px; font-variant-numeric: tabular-nums; }
th, td { padding: 5px 10px; text-align: left; vertical-align: top; }
thead th { color: var(--soft); font-weight: 600; font-size: 12.5px; line-height: 1.25; vertical-align: bottom; border-bottom: 1px solid var(--line); }
.groups th { border-bottom: 0; padding-bottom: 0; text-align: center; letter-spacing: .02em; }
tbody tr + tr > * { border-top: 1px solid var(--line); }
tbody tr.group > * { border-top: 2px solid var(--line); }
.number { text-align: right; white-space: nowrap; }
.start { font-weight: 700; }
thead th.number { white-space: normal; }
td.observed, th.observed { background: var(--seen); font-weight: 400; }
td.observed i { color: var(--soft); font-style: normal; }
.criterion, tbody th { white-space: nowrap; }
.figures { font-size: 13px; overflow-wrap: anywhere; }
.chip { display: inline-block; padding: 0 7px; border-radius: 9px; font-size: 12px; line-height: 18px; white-space: nowrap; border: 1px solid var(--line); color: var(--soft); }
.chip.exact { background: #0b3c6f; border-color: #0b3c6f; color: #ffffff; }
.chip.bracket, .chip.never { background: #c9ddee; border-color: #c9ddee; color: #0b2a4a; }
.chip.unknown { background: var(--warn-back); border-color: var(--warn-back); color: var(--warn); }
.chip.overflow { background: #aa3377; border-color: #aa3377; color: #ffffff; white-space: normal; }
.vector { display: grid; grid-template-columns: repeat(auto-fill, minmax(112px, 1fr)); gap: 2px 14px; background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: 10px 14px; font-size: 13px; font-variant-numeric: tabular-nums; text-align: right; }
td ul { margin: 0; padding-left: 16px; }
.swatch { display: inline-block; width: 10px; height: 10px; border-radius: 2px; margin-right: 7px; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 4px 18px; margin: 0; font-size: 14.5px; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
@media (max-width: 700px) {
  main { padding: 14px 12px 40px; }
  h1 { font-size: 23px; }
  .headline { font-size: 18px; }
  dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: 8px; }
}
@media print { body { background: #ffffff; } .wide, .card { overflow: visible; } section { break-inside: avoid-page; } }
)";

inline std::string swatch_style() {
  std::string result;
  for (std::size_t i = 0; i < kRunColours.size(); ++i)
    result += fmt::format(".swatch.c{} {{ background: {}; }}\n", i, kRunColours[i]);
  return result;
}

}  // namespace snellen
