// Asking again, with more effort, for the rows that a way to a proof for all n has left open.
#pragma once

#include <functional>

#include "bounds/inevitable.hpp"

namespace snellen {

// `answer` has a row for each question of the task. `ask` answers a task of the open ones alone; what it proves beyond `answer` is taken over.
void ask_open_rows(const InevitableTask& task, InevitableAnswer& answer, const std::function<InevitableAnswer(const InevitableTask&)>& ask);

}  // namespace snellen
