#include "lib/files/sha256.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <stdexcept>

namespace snellen {

std::string sha256(std::span<const std::byte> bytes) {
  constexpr std::size_t piece = std::size_t{1} << 20;
  const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  bool good = context && EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1;
  for (std::size_t at = 0; good && at < bytes.size(); at += piece) {
    good = EVP_DigestUpdate(context.get(), bytes.data() + at, std::min(piece, bytes.size() - at)) == 1;
  }
  unsigned char digest[EVP_MAX_MD_SIZE] = {};  // the memory sanitizer does not see OpenSSL write
  unsigned int length = 0;
  good = good && EVP_DigestFinal_ex(context.get(), digest, &length) == 1;
  if (!good) throw std::runtime_error("OpenSSL cannot compute SHA-256");
  return fmt::format("{:02x}", fmt::join(digest, digest + length, ""));
}

std::string sha256(std::span<const std::shared_ptr<const MappedFile>> files) {
  if (files.size() == 1) return sha256(files[0]->bytes());
  std::string lines;
  for (const auto& file : files) lines += sha256(file->bytes()) + "  " + file->path().filename().string() + "\n";
  return sha256(std::as_bytes(std::span(lines)));
}

}  // namespace snellen
