// SPDX-License-Identifier: Apache-2.0
// TensorBoard's event files: TFRecord framing (length, CRC of the length, data, CRC of the data;
// all little-endian) around Event messages in protobuf's wire format, of which this reads the
// scalars: Event {1: double wall_time, 2: int64 step, 5: Summary}, Summary {1: repeated Value},
// Value {1: string tag, 2: float simple_value, 8: TensorProto}, TensorProto {4: bytes
// tensor_content, 5: packed float float_val, 6: packed double double_val}.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <fstream>
#include <map>
#include <optional>

#include <boost/crc.hpp>

#include "base/text.h"
#include "isoflop/error.h"
#include "record/row_source.h"

namespace isoflop {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxRecord = std::uint64_t{64} << 20;

using Crc32c = boost::crc_optimal<32, 0x1edc6f41, 0xffffffff, 0xffffffff, true, true>;

// TFRecord's: so that the CRC of bytes which hold CRCs is one, too.
std::uint32_t masked_crc(std::string_view bytes) {
  Crc32c crc;
  crc.process_bytes(bytes.data(), bytes.size());
  return ((crc.checksum() >> 15) | (crc.checksum() << 17)) + 0xa282ead8u;
}

template <class T>
T little_endian(const char* bytes) {
  static_assert(std::endian::native == std::endian::little);
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

/// One field of a message; for wire type 2 its bytes, else its bits.
struct WireField {
  std::uint64_t number = 0, type = 0, bits = 0;
  std::string_view bytes;
};

/// Walks the fields of a message. next() is empty at the end and where the bytes are no message.
class WireReader {
 public:
  explicit WireReader(std::string_view message) : rest_(message) {}
  std::optional<WireField> next() {
    if (rest_.empty()) return std::nullopt;
    const std::uint64_t key = varint();
    WireField field{key >> 3, key & 7, 0, {}};
    if (field.type == 0) {
      field.bits = varint();
    } else if (field.type == 1 || field.type == 5) {
      const std::size_t size = field.type == 1 ? 8 : 4;
      const std::string_view bytes = take(size);
      if (bytes.size() == size) std::memcpy(&field.bits, bytes.data(), size);
    } else if (field.type == 2) {
      field.bytes = take(varint());
    } else {
      bad_ = true;
    }
    return bad_ ? std::nullopt : std::optional(field);
  }
  bool bad() const { return bad_; }

 private:
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      value |= std::uint64_t{byte & 127u} << shift;
      if (byte < 128) return value;
    }
    bad_ = true;
    return 0;
  }
  std::string_view take(std::uint64_t size) {
    if (size > rest_.size()) bad_ = true;
    const std::string_view bytes = rest_.substr(0, bad_ ? 0 : size);
    rest_.remove_prefix(bytes.size());
    return bytes;
  }
  std::string_view rest_;
  bool bad_ = false;
};

double as_float(std::uint64_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits));
}

/// A tensor of one element, as newer writers put scalars.
std::optional<double> tensor_scalar(std::string_view tensor) {
  WireReader wire(tensor);
  std::optional<double> value;
  while (const auto field = wire.next()) {
    const std::string_view bytes = field->bytes;
    if (field->number == 5 && field->type == 5) value = as_float(field->bits);
    if ((field->number == 4 || field->number == 5) && bytes.size() == 4) {
      value = little_endian<float>(bytes.data());
    }
    if ((field->number == 4 || field->number == 6) && bytes.size() == 8) {
      value = little_endian<double>(bytes.data());
    }
  }
  return value;
}

struct Scalar {
  std::string tag;
  std::optional<double> value;
};

Scalar scalar_of(std::string_view message) {
  WireReader wire(message);
  Scalar scalar;
  while (const auto field = wire.next()) {
    if (field->number == 1 && field->type == 2) scalar.tag = field->bytes;
    if (field->number == 2 && field->type == 5) scalar.value = as_float(field->bits);
    if (field->number == 8 && field->type == 2) scalar.value = tensor_scalar(field->bytes);
  }
  return scalar;
}

/// The last value of every scalar of a run.
struct RunScalars {
  std::string name;
  std::int64_t n_records = 0;
  std::map<std::string, std::pair<std::int64_t, double>> last;  // tag -> step, value
  std::int64_t step = 0;
  double wall_time = 0;
};

void read_event(std::string_view event, RunScalars& run) {
  WireReader wire(event);
  std::int64_t step = 0;
  double wall_time = 0;
  std::vector<Scalar> scalars;
  while (const auto field = wire.next()) {
    if (field->number == 1 && field->type == 1) wall_time = std::bit_cast<double>(field->bits);
    if (field->number == 2 && field->type == 0) step = static_cast<std::int64_t>(field->bits);
    if (field->number != 5 || field->type != 2) continue;
    WireReader summary(field->bytes);
    while (const auto value = summary.next()) {
      if (value->number == 1 && value->type == 2) scalars.push_back(scalar_of(value->bytes));
    }
  }
  for (const Scalar& scalar : scalars) {
    if (!scalar.value || scalar.tag.empty()) continue;
    auto& [last_step, value] = run.last.try_emplace(scalar.tag, step, *scalar.value).first->second;
    if (step >= last_step) {
      last_step = step;
      value = *scalar.value;
    }
    run.step = std::max(run.step, step);
    run.wall_time = std::max(run.wall_time, wall_time);
  }
}

[[noreturn]] void refuse(const fs::path& file, std::int64_t record, const std::string& what) {
  throw Error(ErrorCode::parse, file.string() + ": record " + std::to_string(record) + ": " + what);
}

/// Reads up to the end, or to a record that is cut off, as a killed writer leaves it.
void read_event_file(const fs::path& file, RunScalars& run) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) throw Error(ErrorCode::parse, file.string() + ": cannot be read");
  std::array<char, 12> head{};
  std::string data;
  for (std::int64_t record = 1; stream.read(head.data(), head.size()); ++record) {
    const auto length = little_endian<std::uint64_t>(head.data());
    if (masked_crc({head.data(), 8}) != little_endian<std::uint32_t>(head.data() + 8)) {
      refuse(file, record,
             record == 1 ? "is no event file: its first length fails its CRC"
                         : "its length fails its CRC");
    }
    if (length > kMaxRecord) refuse(file, record, "is longer than 64 MiB");
    data.resize(length + 4);
    if (!stream.read(data.data(), static_cast<std::streamsize>(data.size()))) return;
    const std::string_view event = std::string_view(data).substr(0, length);
    if (masked_crc(event) != little_endian<std::uint32_t>(data.data() + length)) {
      refuse(file, record, "its data fail their CRC");
    }
    ++run.n_records;
    read_event(event, run);
  }
}

bool is_event_file(const fs::path& file) {
  return file.filename().string().find("tfevents") != std::string::npos;
}

class EventRows : public RowSource {
 public:
  explicit EventRows(const fs::path& file_or_folder) : file_(file_or_folder.string()) {
    std::map<fs::path, std::vector<fs::path>> runs;
    if (fs::is_directory(file_or_folder)) {
      for (const auto& entry : fs::recursive_directory_iterator(file_or_folder)) {
        if (is_event_file(entry.path())) runs[entry.path().parent_path()].push_back(entry.path());
      }
      if (runs.empty()) {
        throw Error(ErrorCode::parse, file_ + ": has no file with tfevents in its name below it");
      }
    } else {
      runs[fs::absolute(file_or_folder).parent_path()] = {file_or_folder};
    }
    for (auto& [folder, files] : runs) read_run(folder, files);
    make_header();
  }
  const std::vector<std::string>& header() const override { return header_; }
  bool next() override { return ++at_ < static_cast<std::ptrdiff_t>(runs_.size()); }
  void read() override {
    cells_.assign(header_.size(), "");
    const RunScalars& run = runs_[static_cast<std::size_t>(at_)];
    cells_[0] = run.name;
    cells_[1] = std::to_string(run.step);
    cells_[2] = exact_text(run.wall_time);
    for (std::size_t i = 3; i < header_.size(); ++i) {
      const auto found = run.last.find(header_[i]);
      if (found != run.last.end()) cells_[i] = exact_text(found->second.second);
    }
    fields_.assign(cells_.begin(), cells_.end());
  }
  std::span<const std::string_view> fields() const override { return fields_; }
  std::int64_t row() const override { return at_ + 1; }
  void fail(const std::string& complaint) const override {
    throw Error(ErrorCode::parse, place() + ": " + complaint);
  }
  void fail_in(const std::string& column, const std::string& complaint) const override {
    throw Error(ErrorCode::parse, place() + ", scalar " + column + ": " + complaint);
  }
  std::string header_place() const override { return ""; }

 private:
  std::string place() const { return file_ + ": run " + runs_[static_cast<std::size_t>(at_)].name; }
  void read_run(const fs::path& folder, std::vector<fs::path>& files) {
    std::sort(files.begin(), files.end());
    RunScalars run;
    run.name = folder.filename().string();
    for (const fs::path& file : files) read_event_file(file, run);
    if (run.n_records == 0) {
      throw Error(ErrorCode::parse, files.front().string() + ": has no whole record");
    }
    runs_.push_back(std::move(run));
  }
  void make_header() {
    header_ = {"run_name", "step", "wall_time"};
    std::vector<std::string> tags;
    for (const RunScalars& run : runs_) {
      for (const auto& [tag, value] : run.last) tags.push_back(tag);
    }
    std::sort(tags.begin(), tags.end());
    tags.erase(std::unique(tags.begin(), tags.end()), tags.end());
    for (const std::string& tag : tags) {
      const bool taken = std::find(header_.begin(), header_.end(), tag) != header_.end();
      if (!taken) header_.push_back(tag);
    }
  }

  std::string file_;
  std::vector<RunScalars> runs_;
  std::vector<std::string> header_, cells_;
  std::ptrdiff_t at_ = -1;
  std::vector<std::string_view> fields_;
};

}  // namespace

std::unique_ptr<RowSource> event_rows(const fs::path& file_or_folder) {
  return std::make_unique<EventRows>(file_or_folder);
}

}  // namespace isoflop
