// SPDX-License-Identifier: Apache-2.0
#include "train/checkpoint/checkpoint_files.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "isoflop/error.h"
#include "train/checkpoint/checkpoint_state.h"
#include "train/checkpoint/checkpoint_tensors.h"
#include "train/checkpoint/safetensors.h"
#include "train/network/parameters.h"

namespace isoflop {
namespace {

// Small enough to be still in the cache when it is copied after hashing.
constexpr std::size_t kPieceBytes = std::size_t{1} << 18;
constexpr std::int64_t kMaxStateBytes = std::int64_t{64} << 20;  // parse_json()'s limit

using Arena = std::vector<float> Snapshot::*;

/// A tensor of a file, and where it is in a snapshot.
struct StoredTensor {
  LogicalTensor tensor;  // named as in the file
  Arena arena;

  template <class AnySnapshot>
  [[nodiscard]] auto of(AnySnapshot& snapshot) const {
    return std::span((snapshot.*arena))
        .subspan(static_cast<std::size_t>(tensor.first), static_cast<std::size_t>(tensor.size()));
  }
};

struct FileContent {
  std::string name;
  std::vector<StoredTensor> tensors;
};

/// The safetensors files of a checkpoint. The moments are named as PyTorch names Adam's.
std::vector<FileContent> file_contents(const ModelShape& shape) {
  std::vector<FileContent> files = {{std::string(kCheckpointFiles[0]), {}},
                                    {std::string(kCheckpointFiles[1]), {}}};
  for (const LogicalTensor& tensor : logical_tensors(shape)) {
    files[0].tensors.push_back({tensor, &Snapshot::weights});
    const auto add_moment = [&](const char* suffix, Arena arena) {
      files[1].tensors.push_back({tensor, arena});
      files[1].tensors.back().tensor.name += suffix;
    };
    add_moment(".exp_avg", &Snapshot::first_moment);
    add_moment(".exp_avg_sq", &Snapshot::second_moment);
  }
  return files;
}

std::string hash_of(std::span<const std::byte> content) {
  Hasher hasher;
  hasher.add(content);
  return hasher.hex();
}

template <class Visit>
void for_each_piece(std::size_t n_bytes, const Visit& visit) {
  for (std::size_t begin = 0; begin < n_bytes; begin += kPieceBytes) {
    visit(begin, std::min(kPieceBytes, n_bytes - begin));
  }
}

std::string write_hashed(std::span<const std::byte> content, PosixFile& out) {
  Hasher hasher;
  for_each_piece(content.size(), [&](std::size_t begin, std::size_t n) {
    hasher.add(content.subspan(begin, n));
    out.write(content.subspan(begin, n));
  });
  return hasher.hex();
}

void finish_file(PosixFile& file) {
  file.sync();
  file.close();
}

CheckpointFile write_tensors(const FileContent& content, const Snapshot& snapshot,
                             AtomicFolder& folder) {
  std::vector<std::pair<std::string, std::vector<std::int64_t>>> tensors;
  for (const StoredTensor& stored : content.tensors) {
    tensors.emplace_back(stored.tensor.name, stored.tensor.dimensions());
  }
  const std::string header = safetensors_header(tensors);
  PosixFile out = folder.create(content.name);
  CheckpointFile result{content.name,
                        static_cast<std::int64_t>(header.size()),
                        write_hashed(std::as_bytes(std::span(header)), out),
                        {}};
  for (const StoredTensor& stored : content.tensors) {
    const std::span<const std::byte> values = std::as_bytes(stored.of(snapshot));
    result.tensor_hashes[stored.tensor.name] = write_hashed(values, out);
    result.n_bytes += static_cast<std::int64_t>(values.size());
  }
  finish_file(out);
  return result;
}

[[noreturn]] void refuse(const std::filesystem::path& file, const std::string& why) {
  throw Error(ErrorCode::parse, file.string() + ": " + why);
}

/// One safetensors file while it is verified and read.
class TensorsReader {
 public:
  TensorsReader(std::filesystem::path file, const CheckpointFile& promised)
      : file_(std::move(file)), promised_(promised), in_(PosixFile::open(file_)) {}

  void read(const FileContent& expected, Snapshot& snapshot) {
    const std::vector<SafetensorsEntry> entries = read_header();
    std::map<std::string, const StoredTensor*> tensors;
    for (const StoredTensor& stored : expected.tensors) {
      tensors.emplace(stored.tensor.name, &stored);
    }
    for (const SafetensorsEntry& entry : entries) {
      const auto found = tensors.find(entry.name);
      if (found == tensors.end()) refuse(file_, "unknown tensor " + entry.name);
      read_tensor(entry, *found->second, snapshot);
      tensors.erase(found);
    }
    if (!tensors.empty()) refuse(file_, "tensor " + tensors.begin()->first + " is missing");
    if (promised_.tensor_hashes.size() != expected.tensors.size()) {
      refuse(file_, "state.json knows other tensors");
    }
  }

 private:
  std::vector<SafetensorsEntry> read_header() {
    const std::int64_t n_bytes = in_.size();
    if (n_bytes != promised_.n_bytes) {
      refuse(file_, "has " + std::to_string(n_bytes) + " bytes, expected " +
                        std::to_string(promised_.n_bytes));
    }
    std::vector<std::byte> header(kSafetensorsPrefixBytes);
    fill(header);
    const std::int64_t n_object = safetensors_header_bytes(
        std::span(header).first<kSafetensorsPrefixBytes>(), n_bytes, file_.string());
    header.resize(static_cast<std::size_t>(kSafetensorsPrefixBytes + n_object));
    fill(std::span(header).subspan(kSafetensorsPrefixBytes));
    if (hash_of(header) != promised_.header_hash) refuse(file_, "the header is damaged");
    const std::string_view object(
        reinterpret_cast<const char*>(header.data()) + kSafetensorsPrefixBytes,
        static_cast<std::size_t>(n_object));
    return parse_safetensors_header(object, n_bytes - kSafetensorsPrefixBytes - n_object,
                                    file_.string());
  }

  void read_tensor(const SafetensorsEntry& entry, const StoredTensor& stored, Snapshot& snapshot) {
    if (entry.shape != stored.tensor.dimensions()) {
      refuse(file_, "tensor " + entry.name + " has another shape");
    }
    const auto promise = promised_.tensor_hashes.find(entry.name);
    if (promise == promised_.tensor_hashes.end()) {
      refuse(file_, "state.json does not know tensor " + entry.name);
    }
    const std::span<std::byte> values = std::as_writable_bytes(stored.of(snapshot));
    Hasher hasher;
    for_each_piece(values.size(), [&](std::size_t begin, std::size_t n) {
      fill(values.subspan(begin, n));
      hasher.add(values.subspan(begin, n));
    });
    if (hasher.hex() != promise->second) refuse(file_, "tensor " + entry.name + " is damaged");
  }

  void fill(std::span<std::byte> content) {
    if (!in_.read(content)) refuse(file_, "is truncated");
  }

  std::filesystem::path file_;
  const CheckpointFile& promised_;
  PosixFile in_;
};

CheckpointState read_state(const CheckpointOwner& owner, const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / kCheckpointFiles[2];
  PosixFile in = PosixFile::open(file);
  if (in.size() > kMaxStateBytes) refuse(file, "is too large");
  std::string text(static_cast<std::size_t>(in.size()), '\0');
  if (!in.read(std::as_writable_bytes(std::span(text)))) refuse(file, "is truncated");
  CheckpointState state = parse_checkpoint_state(text, file.string());
  if (state.identity != owner.identity) {
    refuse(file,
           "belongs to another run (" + state.identity + ", expected " + owner.identity + ")");
  }
  return state;
}

void require_only_our_files(const std::filesystem::path& folder) {
  std::error_code status;
  if (!std::filesystem::is_directory(std::filesystem::symlink_status(folder, status))) {
    refuse(folder, "is not a folder");
  }
  for (const auto& entry : std::filesystem::directory_iterator(folder, status)) {
    const std::string name = entry.path().filename().string();
    if (std::find(kCheckpointFiles.begin(), kCheckpointFiles.end(), name) ==
        kCheckpointFiles.end()) {
      refuse(entry.path(), "does not belong into a checkpoint");
    }
  }
  if (status) refuse(folder, "cannot be read: " + status.message());
}

}  // namespace

void write_checkpoint(const CheckpointOwner& owner, const Snapshot& snapshot,
                      AtomicFolder& folder) {
  CheckpointState state{owner.identity, snapshot.progress, {}};
  for (const FileContent& content : file_contents(owner.shape)) {
    state.files.push_back(write_tensors(content, snapshot, folder));
  }
  const std::string text = checkpoint_state_text(state);
  PosixFile out = folder.create(std::string(kCheckpointFiles[2]));
  out.write(std::as_bytes(std::span(text)));
  finish_file(out);
}

Snapshot read_checkpoint(const CheckpointOwner& owner, const std::filesystem::path& folder) {
  require_only_our_files(folder);
  const CheckpointState state = read_state(owner, folder);
  const std::vector<FileContent> contents = file_contents(owner.shape);
  if (state.files.size() != contents.size()) {
    refuse(folder / kCheckpointFiles[2], "/files: must be " + std::to_string(contents.size()) +
                                             ", got " + std::to_string(state.files.size()));
  }
  const auto size = static_cast<std::size_t>(ParameterLayout(owner.shape).size());
  Snapshot snapshot{state.progress, std::vector<float>(size), std::vector<float>(size),
                    std::vector<float>(size)};
  for (const FileContent& content : contents) {
    const auto promised =
        std::find_if(state.files.begin(), state.files.end(),
                     [&](const CheckpointFile& file) { return file.name == content.name; });
    if (promised == state.files.end()) {
      refuse(folder / kCheckpointFiles[2], "/files: " + content.name + " is missing");
    }
    TensorsReader(folder / content.name, *promised).read(content, snapshot);
  }
  return snapshot;
}

bool is_checkpoint_of(const CheckpointOwner& owner, const std::filesystem::path& folder) {
  try {
    require_only_our_files(folder);
    (void)read_state(owner, folder);
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace isoflop
