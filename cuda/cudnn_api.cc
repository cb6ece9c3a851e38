// SPDX-License-Identifier: Apache-2.0
#include "cudnn_api.h"

#include <array>
#include <optional>
#include <utility>

#include <dlfcn.h>

#include "isoflop/error.h"

namespace isoflop {
namespace {

template <class Function>
bool find(void* library, const char* name, Function*& function) {
  function = reinterpret_cast<Function*>(dlsym(library, name));
  return function != nullptr;
}

std::optional<CudnnApi> load() {
  constexpr std::size_t kOldest = 90800;
  void* const library = dlopen("libcudnn.so.9", RTLD_NOW | RTLD_LOCAL);  // never closed
  if (library == nullptr) return {};
  CudnnApi api{};
  const bool complete = find(library, "cudnnGetVersion", api.get_version) &&
                        find(library, "cudnnGetErrorString", api.get_error_string) &&
                        find(library, "cudnnGetLastErrorString", api.get_last_error_string) &&
                        find(library, "cudnnCreate", api.create) &&
                        find(library, "cudnnDestroy", api.destroy) &&
                        find(library, "cudnnSetStream", api.set_stream) &&
                        find(library, "cudnnBackendCreateDescriptor", api.create_descriptor) &&
                        find(library, "cudnnBackendDestroyDescriptor", api.destroy_descriptor) &&
                        find(library, "cudnnBackendSetAttribute", api.set_attribute) &&
                        find(library, "cudnnBackendGetAttribute", api.get_attribute) &&
                        find(library, "cudnnBackendFinalize", api.finalize) &&
                        find(library, "cudnnBackendExecute", api.execute);
  if (!complete || api.get_version() < kOldest) return {};
  return api;
}

}  // namespace

const CudnnApi* cudnn_api() {
  static const std::optional<CudnnApi> api = load();
  return api ? &*api : nullptr;
}

void CudnnApi::check(cudnnStatus_t status, const std::string& what) const {
  if (status == CUDNN_STATUS_SUCCESS) return;
  std::array<char, 512> message{};
  get_last_error_string(message.data(), message.size());
  throw Error(ErrorCode::device, "cuDNN: " + what + " failed: " + get_error_string(status) +
                                     (message[0] == '\0' ? "" : ": ") + message.data());
}

CudnnDescriptor::CudnnDescriptor(const CudnnApi& api, cudnnBackendDescriptorType_t type)
    : api_(&api), type_(type) {
  api.check(api.create_descriptor(type, &descriptor_),
            "creating a descriptor of type " + std::to_string(type));
}
CudnnDescriptor::CudnnDescriptor(CudnnDescriptor&& other) noexcept
    : api_(other.api_),
      type_(other.type_),
      descriptor_(std::exchange(other.descriptor_, nullptr)) {}
CudnnDescriptor& CudnnDescriptor::operator=(CudnnDescriptor&& other) noexcept {
  std::swap(api_, other.api_);
  std::swap(type_, other.type_);
  std::swap(descriptor_, other.descriptor_);
  return *this;
}
CudnnDescriptor::~CudnnDescriptor() {
  if (descriptor_ != nullptr) (void)api_->destroy_descriptor(descriptor_);
}

void CudnnDescriptor::set_bytes(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                                std::int64_t n, const void* values) {
  api_->check(api_->set_attribute(descriptor_, name, type, n, values),
              "setting attribute " + std::to_string(name));
}

void CudnnDescriptor::finalize() {
  api_->check(api_->finalize(descriptor_),
              "finalizing a descriptor of type " + std::to_string(type_));
}

std::int64_t CudnnDescriptor::get(cudnnBackendAttributeName_t name,
                                  cudnnBackendAttributeType_t type, std::int64_t limit,
                                  void* values) const {
  std::int64_t n = 0;
  api_->check(api_->get_attribute(descriptor_, name, type, limit, &n, values),
              "getting attribute " + std::to_string(name));
  return n;
}

}  // namespace isoflop
