// SHA-256 (FIPS 180-4, by OpenSSL) of the very bytes that were mapped and parsed.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "lib/files/mapped_file.hpp"

namespace snellen {

// 64 lower-case hexadecimal digits.
std::string sha256(std::span<const std::byte> bytes);

// One file: the digest of its bytes. Several: the digest of the text that `sha256sum` prints for their plain names, in the
// order given, so that anybody can recompute it: sha256sum config.json model.safetensors | sha256sum.
std::string sha256(std::span<const std::shared_ptr<const MappedFile>> files);

}  // namespace snellen
