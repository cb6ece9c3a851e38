// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>

#include "base/atomic_file.h"
#include "base/hash.h"
#include "train/range.h"
#include "train/snapshot.h"

namespace isoflop {

/// The arenas of a checkpoint, in file order. Elements lie in arena order, whoever held them: a run
/// may be resumed by another number of threads.
enum class Section { weights, first_moment, second_moment };
inline constexpr int kSections = 3;

/// `state.bin`: a header and three sections of `n_elements` f32, each followed by the 16 hex digits
/// of its hash. Little-endian. Appears under its name whole or not at all.
class CheckpointWriter {
 public:
  CheckpointWriter(const std::filesystem::path& file, const std::string& identity,
                   const Progress& progress, std::int64_t n_elements);
  /// The next elements of the three sections, one section after the other.
  void write(std::span<const float> elements);
  void commit();

 private:
  void write_hashed(std::span<const std::byte> content, Hasher& hasher);
  void end_section();

  AtomicFile file_;
  std::int64_t n_elements_, n_written_ = 0;
  Hasher hasher_;
};

/// A checkpoint that has been verified to the last byte.
class CheckpointReader {
 public:
  /// Throws Error(parse) saying what is wrong: not a checkpoint, of another version, of another
  /// run, truncated, or damaged (and where).
  CheckpointReader(const std::filesystem::path& file, const std::string& identity,
                   std::int64_t n_elements);
  [[nodiscard]] const Progress& progress() const { return progress_; }
  /// Elements `range` of a section.
  void read(Section section, Range range, std::span<float> out);

 private:
  [[noreturn]] void refuse(const std::string& why) const;
  void verify_header(const std::string& identity);
  void verify_section(int section);
  void read_bytes(std::int64_t offset, std::span<std::byte> out);

  std::filesystem::path file_;
  std::ifstream stream_;
  std::int64_t n_elements_;
  Progress progress_;
};

}  // namespace isoflop
