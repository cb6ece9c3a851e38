// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <vector>

#include "isoflop/dataset.h"
#include "support/catch.h"

using namespace isoflop;

namespace {

std::vector<std::int32_t> train(const Dataset& data, std::uint64_t seed, std::int64_t index,
                                std::size_t seq_len) {
  std::vector<std::int32_t> out(seq_len + 1);
  data.train_sequence(seed, index, out);
  return out;
}

std::vector<std::int32_t> validation(const Dataset& data, std::int64_t index, std::size_t seq_len) {
  std::vector<std::int32_t> out(seq_len + 1);
  data.validation_sequence(index, out);
  return out;
}

// The same stream, cut into windows of several lengths, must be one text.
void check_seekable(const Dataset& data) {
  const std::vector<std::int32_t> whole = train(data, 5, 0, 6000);
  for (const std::size_t seq_len : {std::size_t{3}, std::size_t{50}, std::size_t{128}}) {
    for (const std::int64_t index : {0, 1, 7, 30}) {
      const std::vector<std::int32_t> window = train(data, 5, index, seq_len);
      REQUIRE(std::equal(window.begin(), window.end(),
                         whole.begin() + index * static_cast<std::int64_t>(seq_len)));
    }
  }
  REQUIRE(train(data, 5, 3, 64) != train(data, 6, 3, 64));
  REQUIRE(train(data, 0, 3, 64) != validation(data, 3, 64));
  REQUIRE(validation(data, 0, 64).back() == validation(data, 1, 64).front());
  REQUIRE_NOTHROW(train(data, 1, data.info().train.tokens / 128 - 1, 128));
  REQUIRE_NOTHROW(validation(data, data.validation_sequences(128) - 1, 128));
  REQUIRE_THROWS_AS(validation(data, data.validation_sequences(128), 128), Error);
}

}  // namespace

TEST_CASE("santafe has the entropy and the bounds computed for it before") {
  REQUIRE(santa_fe_entropy() == Approx(2.2921).margin(5e-5));
  REQUIRE(santa_fe_entropy() * 4 == Approx(9.1684).margin(5e-5));
  REQUIRE(santa_fe_entropy({.zipf_exponent = 1.3}) == Approx(1.7617).margin(5e-5));
  const std::vector<double> excess = {0.652, 0.423, 0.267, 0.161, 0.0885, 0.0395};
  double n = 1e3;
  for (const double expected : excess) {
    // seq_len 4: one record in the window, the smallest.
    REQUIRE(santa_fe_lower_bound(n, 4) - santa_fe_entropy() == Approx(expected).margin(5.1e-4));
    n *= 10;
  }
}

TEST_CASE("the entropy of santafe equals the sum over all keys to 1e-12") {
  const SantaFeOptions options{.zipf_exponent = 1.2, .n_keys = 1 << 20};
  long double z = 0, sum = 0;
  for (std::int64_t k = options.n_keys; k >= 1; --k) {
    const long double mass = std::pow(static_cast<long double>(k), -1.2L);
    z += mass;
    sum += mass * std::log2(static_cast<long double>(k));
  }
  const auto entropy = static_cast<double>((std::log2(z) + 1.2L * sum / z) / 4);
  REQUIRE(santa_fe_entropy(options) == Approx(entropy).epsilon(0).margin(1e-12));
  REQUIRE(santa_fe_entropy({.n_keys = 1}) == Approx(0).margin(1e-15));
  REQUIRE(santa_fe_entropy({.zipf_exponent = 1e-9, .n_keys = 1 << 24}) == Approx(6).margin(1e-6));
}

TEST_CASE(
    "the lower bound of santafe equals the sum over all keys, and falls towards the entropy") {
  const SantaFeOptions options{.zipf_exponent = 1.2, .n_keys = 1 << 16};
  double z = 0;
  for (std::int64_t k = 1; k <= options.n_keys; ++k) z += std::pow(static_cast<double>(k), -1.2);
  double excess = 0;
  for (std::int64_t k = options.n_keys; k >= 1; --k) {
    const double p = std::pow(static_cast<double>(k), -1.2) / z;
    excess += 2 * p * std::pow(1 - p, 10000 + 32);
  }
  REQUIRE(santa_fe_lower_bound(1e4, 128, options) ==
          Approx(santa_fe_entropy(options) + excess).epsilon(1e-12));
  REQUIRE(santa_fe_lower_bound(1e6, 128) < santa_fe_lower_bound(1e5, 128));
  REQUIRE(santa_fe_lower_bound(1e15, 128) == Approx(santa_fe_entropy()).margin(1e-6));
}

TEST_CASE("santafe is seekable, and its streams are disjoint") {
  const auto data = make_santa_fe();
  check_seekable(*data);
  REQUIRE(data->info().generated);
  REQUIRE(data->info().validation.tokens == 100'000'000);
  REQUIRE(data->token_bytes().size() == 256);
  REQUIRE(data->token_bytes()[0] == 1);
}

TEST_CASE("in santafe a key has one value, and another value under another seed") {
  const auto data = make_santa_fe(), other = make_santa_fe({.seed = 1});
  REQUIRE(data->info().hash != other->info().hash);
  const auto values = [](const Dataset& source) {
    std::map<std::int32_t, std::set<std::int32_t>> found;
    for (const std::uint64_t seed : {0, 1}) {
      const auto text = train(source, seed, 0, 40000);
      for (std::size_t i = 0; i + 4 < text.size(); i += 4) {
        found[text[i] | text[i + 1] << 8 | text[i + 2] << 16].insert(text[i + 3]);
      }
    }
    return found;
  };
  const auto first = values(*data), second = values(*other);
  int same = 0, both = 0;
  for (const auto& [key, value] : first) {
    REQUIRE(value.size() == 1);
    if (second.count(key) == 0) continue;
    ++both;
    same += second.at(key) == value;
  }
  REQUIRE(both > 500);
  REQUIRE(same < both / 20);  // 1 in 256 by chance
}

TEST_CASE("the keys drawn by santafe have the entropy stated, by a count of a small table") {
  const auto data = make_santa_fe({.zipf_exponent = 1.2, .n_keys = 64});
  std::map<std::int32_t, double> counts;
  constexpr std::size_t kRecords = 100000;
  const auto text = train(*data, 3, 0, 4 * kRecords);
  for (std::size_t i = 0; i + 4 < text.size(); i += 4) {
    counts[text[i] | text[i + 1] << 8 | text[i + 2] << 16] += 1.0 / kRecords;
  }
  double entropy = 0;
  for (const auto& [key, p] : counts) entropy -= p * std::log2(p) / 4;
  REQUIRE(counts.size() == 64);
  // Plug-in entropy: bias 63 / (2 ln 2 n) / 4 = 1e-4, standard deviation 1e-3.
  REQUIRE(entropy == Approx(santa_fe_entropy({.n_keys = 64})).margin(4e-3));
}

TEST_CASE("markov is seekable and uniform, and its pairs have the entropy stated") {
  const MarkovOptions options{.n_symbols = 16};
  const auto data = make_markov(options);
  check_seekable(*data);
  REQUIRE(data->info().vocab_size == 16);
  constexpr std::size_t kTokens = 400000;
  const auto text = train(*data, 9, 0, kTokens);
  std::vector<double> single(16, 0), pair(256, 0);
  for (std::size_t i = 0; i < kTokens; ++i) {
    REQUIRE(text[i] >= 0);
    REQUIRE(text[i] < 16);
    single[static_cast<std::size_t>(text[i])] += 1.0 / kTokens;
    pair[static_cast<std::size_t>(16 * text[i] + text[i + 1])] += 1.0 / kTokens;
  }
  const auto entropy = [](const std::vector<double>& frequencies) {
    double sum = 0;
    for (const double p : frequencies) sum -= p > 0 ? p * std::log2(p) : 0;
    return sum;
  };
  REQUIRE(entropy(single) == Approx(4).margin(1e-3));
  REQUIRE(entropy(pair) - entropy(single) == Approx(markov_entropy(options)).margin(8e-3));
}

TEST_CASE("the entropy of markov in closed form where the branches never meet") {
  // One branch: the chain follows it with probability 15/16 + 1/16/n, else one of n - 1 others.
  const double n = 8, stay = 15.0 / 16 + 1.0 / 16 / n, other = 1.0 / 16 / n;
  const double expected = -stay * std::log2(stay) - (n - 1) * other * std::log2(other);
  REQUIRE(markov_entropy({.n_symbols = 8, .n_branches = 1}) == Approx(expected).epsilon(1e-14));
}

TEST_CASE("options of generated sources outside their domain are refused") {
  REQUIRE_THROWS_AS(make_santa_fe({.zipf_exponent = 0}), Error);
  REQUIRE_THROWS_AS(make_santa_fe({.zipf_exponent = std::nan("")}), Error);
  REQUIRE_THROWS_AS(make_santa_fe({.n_keys = 0}), Error);
  REQUIRE_THROWS_AS(make_santa_fe({.n_keys = (1 << 24) + 1}), Error);
  REQUIRE_THROWS_AS(make_markov({.n_symbols = 1}), Error);
  REQUIRE_THROWS_AS(make_markov({.n_symbols = 257}), Error);
  REQUIRE_THROWS_AS(make_markov({.n_branches = 17}), Error);
}
