// What TLS costs at least on this processor: each part alone, in a tight loop, over records of 16 KiB, as CPU
// seconds of its thread per GB of plaintext. OpenSSL's own ciphers, one call per record.
//
//   tls_floors
//
// Prints one object:
//   {"seal_128":..,"open_128":..,"seal_256":..,"open_256":..,"open_chacha":..,"record_copy":..}
//
// seal and open are AES-GCM with keys of 128 and of 256 bits, and open_chacha is ChaCha20-Poly1305.
// record_copy is a memcpy of a record within 128 KiB, which stay in the cache.
#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>
#include <functional>
#include <memory>
#include <vector>

#include <openssl/evp.h>

#include "replay/measure.h"

namespace penstock::bench {
namespace {

constexpr std::size_t k_record = std::size_t{16} << 10;
constexpr std::size_t k_records = 8;  // what the cache holds; over and over
constexpr std::size_t k_tag = 16;
constexpr int k_times = 2000;

struct FreeCipher {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Cipher = std::unique_ptr<EVP_CIPHER_CTX, FreeCipher>;

double thread_cpu_s() {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

// The median of five goes at `record`, which is given the number of the record.
double cpu_s_per_gb(const std::function<void(std::size_t)>& record) {
  std::vector<double> costs;
  for (int go = 0; go < 6; ++go) {
    const double begun = thread_cpu_s();
    for (std::size_t i = 0; i < k_times * k_records; ++i) {
      record(i % k_records);
    }
    costs.push_back((thread_cpu_s() - begun) / (static_cast<double>(k_times * k_records * k_record) / 1e9));
  }
  std::sort(costs.begin() + 1, costs.end());  // the first go warms up
  return costs[3];
}

void must(int result) {
  if (result != 1) {
    die("OpenSSL does not do it");
  }
}

class Records {
 public:
  explicit Records(const EVP_CIPHER* cipher) : seals_(EVP_CIPHER_CTX_new()), opens_(EVP_CIPHER_CTX_new()) {
    must(EVP_EncryptInit_ex(seals_.get(), cipher, nullptr, k_key.data(), k_iv.data()));
    must(EVP_DecryptInit_ex(opens_.get(), cipher, nullptr, k_key.data(), k_iv.data()));
    for (std::size_t i = 0; i < k_records; ++i) {
      seal(i);
    }
  }

  void seal(std::size_t i) {
    int size = 0;
    unsigned char* const to = sealed_.data() + i * (k_record + k_tag);
    must(EVP_EncryptInit_ex(seals_.get(), nullptr, nullptr, nullptr, k_iv.data()));
    must(EVP_EncryptUpdate(seals_.get(), nullptr, &size, k_head.data(), static_cast<int>(k_head.size())));
    must(EVP_EncryptUpdate(seals_.get(), to, &size, plain_.data() + i * k_record, k_record));
    must(EVP_EncryptFinal_ex(seals_.get(), to + k_record, &size));
    must(EVP_CIPHER_CTX_ctrl(seals_.get(), EVP_CTRL_AEAD_GET_TAG, k_tag, to + k_record));
  }

  void open(std::size_t i) {
    int size = 0;
    unsigned char* const from = sealed_.data() + i * (k_record + k_tag);
    must(EVP_DecryptInit_ex(opens_.get(), nullptr, nullptr, nullptr, k_iv.data()));
    must(EVP_CIPHER_CTX_ctrl(opens_.get(), EVP_CTRL_AEAD_SET_TAG, k_tag, from + k_record));
    must(EVP_DecryptUpdate(opens_.get(), nullptr, &size, k_head.data(), static_cast<int>(k_head.size())));
    must(EVP_DecryptUpdate(opens_.get(), opened_.data() + i * k_record, &size, from, k_record));
    must(EVP_DecryptFinal_ex(opens_.get(), opened_.data(), &size));  // whether it is what was sealed
  }

 private:
  static constexpr std::array<unsigned char, 32> k_key{1, 2, 3};
  static constexpr std::array<unsigned char, 12> k_iv{4, 5, 6};
  static constexpr std::array<unsigned char, 5> k_head{23, 3, 3, 64, 17};

  Cipher seals_;
  Cipher opens_;
  std::vector<unsigned char> plain_ = std::vector<unsigned char>(k_records * k_record, 'x');
  std::vector<unsigned char> sealed_ = std::vector<unsigned char>(k_records * (k_record + k_tag));
  std::vector<unsigned char> opened_ = std::vector<unsigned char>(k_records * k_record);
};

int run() {
  Records short_keys(EVP_aes_128_gcm());
  Records long_keys(EVP_aes_256_gcm());
  Records chacha(EVP_chacha20_poly1305());
  std::vector<char> from(k_records * k_record, 'x');
  std::vector<char> to(k_records * k_record);
  volatile char seen = 0;
  const auto copy = [&](std::size_t i) {
    std::memcpy(to.data() + i * k_record, from.data() + i * k_record, k_record);
    seen = to[i * k_record];
  };
  std::printf(
      "{\"seal_128\":%.4f,\"open_128\":%.4f,\"seal_256\":%.4f,\"open_256\":%.4f,\"open_chacha\":%.4f,"
      "\"record_copy\":%.4f}\n",
      cpu_s_per_gb([&](std::size_t i) { short_keys.seal(i); }),
      cpu_s_per_gb([&](std::size_t i) { short_keys.open(i); }),
      cpu_s_per_gb([&](std::size_t i) { long_keys.seal(i); }),
      cpu_s_per_gb([&](std::size_t i) { long_keys.open(i); }),
      cpu_s_per_gb([&](std::size_t i) { chacha.open(i); }), cpu_s_per_gb(copy));
  return 0;
}

}  // namespace
}  // namespace penstock::bench

int main() {
  return penstock::bench::run();
}
