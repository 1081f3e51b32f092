#include "bounds/inevitable_again.hpp"

#include <utility>
#include <vector>

namespace snellen {

void ask_open_rows(const InevitableTask& task, InevitableAnswer& answer, const std::function<InevitableAnswer(const InevitableTask&)>& ask) {
  std::vector<std::size_t> open;
  std::vector<InevitableQuestion> asked;
  for (std::size_t r = 0; r < task.questions.size(); ++r)
    if (!answer.rows[r].decided()) open.push_back(r), asked.push_back(task.questions[r]);
  InevitableAnswer found = ask({task.model, task.family, task.place, asked, task.limits});
  std::vector<InevitableRow> rows = answer.rows;
  for (std::size_t k = 0; k < open.size(); ++k) rows[open[k]] = std::move(found.rows[k]);
  found.rows = std::move(rows);
  answer.sharpen(std::move(found));
}

}  // namespace snellen
