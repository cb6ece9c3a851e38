// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "isoflop/hyper.h"

namespace isoflop {

/// A best batch or learning rate as one point of a regression.
struct HyperRow {
  double compute = 0, params = 0, tokens = 0;
  double batch_tokens = 0;  // that the value was found at, where the regression asks
  double value = 0;
  double resolution = 0;  // sd of ln value that the steps of a grid leave
  std::int64_t cell = 0;  // rows of one cell are not independent; cells ascend
};

/// ln y on ln C by least squares over the rows. Errors: of the cells' own residuals where every
/// cell has one row, otherwise by the jackknife over whole cells (CV3 of MacKinnon, Nielsen and
/// Webb, Journal of Applied Econometrics 38, 2023); Student's t of cells minus 2; never below what
/// the rows' resolution leaves. Usable from 3 cells.
[[nodiscard]] PowerLawFit fit_compute_law(std::span<const HyperRow> rows);

/// The same on ln(D/N).
[[nodiscard]] PowerLawFit fit_ratio_law(std::span<const HyperRow> rows);

/// The geometric mean of y / C^exponent over the rows, marked as assumed.
[[nodiscard]] PowerLawFit fit_compute_coefficient(std::span<const HyperRow> rows, double exponent);

/// ln y on ln N and ln D, with errors as above and cells minus 3. Nothing with 3 cells or fewer, or
/// where the cells lie on one line in (ln N, ln D).
[[nodiscard]] std::optional<HyperFormFit> fit_params_tokens_law(std::span<const HyperRow> rows);

/// ln y on ln D alone, cells minus 2. Nothing with 2 cells or fewer, or with one D.
[[nodiscard]] std::optional<HyperFormFit> fit_tokens_law(std::span<const HyperRow> rows);

}  // namespace isoflop
