// How much the last token can still feel token i: certified norms of J_{n,i} = d y_n / d x_i(0), or of the gradient of a logit, beside bounds that are read off attention.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bounds/attention_facts.hpp"
#include "bounds/certify.hpp"
#include "bounds/run_fading.hpp"
#include "lib/number/matrix_norms.hpp"

namespace snellen {

enum class Output { vector, logit };

struct SensitivityRequest {
  std::optional<std::int64_t> length;     // the sequence is S_n; none: the horizon
  std::optional<Output> of;               // none: the vector up to width 128, else a logit
  std::optional<Token> token, against;    // logit of `token` (none: of the certified next token), less that of `against`
  std::size_t rows = 12;                  // of the heat map: prefixes of the sequence, up to all of it
};

// What makes the request unusable for the sequence, if anything does; keys are those of the case's table [sensitivity].
std::optional<Problem> problem_of(const SensitivityRequest& request, const Family& family, const Model& model);

// An upper bound; infinite where nothing is known.
struct TokenSensitivity {
  Token token = 0;
  MatrixNorms norms;              // of J_{n,i} [outputs, width]
  std::optional<Dyadic> paper;    // Theorem 5.1 as written, where the model is the paper's
  Dyadic frozen;                  // its generalisation to this model: attention's weights taken for constants
  Dyadic own;                     // `influence_bound`: |J_{n,i}|_2 <= own, no assumption
};

// One row of the heat map: the output read at another token of the same sequence, which by causality is that of the sequence up to there.
struct SensitivityRow {
  std::size_t position = 0;           // of the token that is read
  std::vector<Enclosure> two;         // |J_{position,i}|_2, i = 0, ..., position
  std::vector<Dyadic> own;            // upper bounds of them
};

struct LayerFacts {
  AttentionFacts attention;  // of the last token
  Enclosure rank;            // of the layer's input, all tokens
};

struct Sensitivity {
  std::string title, case_name, family;
  std::string model_source, model_architecture, model_sha256;
  std::size_t layers = 0, width = 0, heads = 0, outputs = 0;
  std::int64_t length = 0;
  Output of = Output::vector;
  std::string at;                            // "final" or "hidden", of vectors
  std::string output;                        // for people: "the last token's vector after the final norm", "the logit of token 5 less that of token 7"
  std::optional<Token> token, against;
  std::optional<Enclosure> value;            // the logit, or the difference
  long precision_bits = 0;                   // of the forward pass
  double accurate_bits = 0;                  // of the least accurate Frobenius norm among the tokens
  bool undecided = false;                    // some norm has fewer accurate bits than asked for, at the stated maximum of precision
  std::vector<TokenSensitivity> tokens;      // i = 0, ..., n - 1
  std::vector<std::vector<Enclosure>> gradient;  // of a logit: d logit / d x_i(0), entry by entry; of the vector: none
  std::vector<SensitivityRow> rows;
  std::vector<LayerFacts> by_layer;
  Enclosure last_rank;                       // of x(L)
  std::string not_the_papers;                // why Theorem 5.1 cannot be read literally; empty where it can
  RunFading run;                             // for every longer sequence of the family
  std::vector<Claim> claims;
  std::vector<std::string> assumptions, warnings;
};

// Bits that a norm shall have at least.
inline constexpr double asked_bits = 40;

// Precision is raised until every norm has the bits asked for, or the forward pass would need more than request.max_bits. InputError where a logit was asked for without
// a token and the next token cannot be certified.
Sensitivity sensitivity(const Model& model, const CertifyRequest& request, const SensitivityRequest& question, Progress& progress);

}  // namespace snellen
