#include "identity/renewal.h"

#include <algorithm>
#include <chrono>

namespace penstock::identity {
namespace {

// Of a token whose time of renewal is past when it comes: a fifth of what is left of it, within these.
constexpr Duration k_next_soonest = std::chrono::seconds(1);
constexpr Duration k_next_latest = std::chrono::seconds(30);

}  // namespace

void Renewal::succeed(const Token& token, MonoTime now, WallTime wall_now) {
  under_way_ = false;
  failures_ = 0;
  succeeded_at_ = now;
  const Duration left = token.expires - wall_now;
  due_ = now + std::max<Duration>(token.renew - wall_now,
                                  std::clamp<Duration>(left / 5, k_next_soonest, k_next_latest));
}

void Renewal::fail(Duration pause, double spread, MonoTime now) {
  under_way_ = false;
  ++failures_;
  due_ = now + pause + std::chrono::duration_cast<Duration>(pause / 4 * spread);
}

Renewal::Answer Renewal::wish(std::string_view refused, std::string_view token, MonoTime now) {
  if (!token.empty() && token != refused) {
    return Answer::at_once;
  }
  if (under_way_) {
    return Answer::with_the_next;
  }
  if (failures_ == 0) {
    due_ = std::min(due_, succeeded_at_ ? std::max(now, *succeeded_at_ + k_between_wishes) : now);
  }
  return due_ <= now ? Answer::with_the_next : Answer::not_soon;
}

}  // namespace penstock::identity
