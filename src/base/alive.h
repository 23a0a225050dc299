// Tells a callback that runs later whether the object that it was made for is still there.
//
// An object that hands out callbacks with its `this` in them has an Alive as a member. Whoever calls back may
// do so after the object is gone, and may destroy it in the middle of one of its own functions. So
//
//   loop.defer(alive_.guard([this] { pump(); }));   // does nothing once the object is gone
//
//   const Alive::Watch watch = alive_.watch();      // in a function that calls out and goes on afterwards
//   done(reply);                                    // may destroy this
//   if (watch.gone()) return;                       // no member may be touched any more
//
// Every call is of one thread, that of the object: a guard does not keep the object, it only looks for it.
#pragma once

#include <memory>
#include <utility>

namespace penstock {

class Alive {
 public:
  // Copyable, of any lifetime.
  class Watch {
   public:
    // True from the destruction of the Alive on, or from its renew(). Members that are declared before the
    // Alive still exist at that time: it dies before them.
    bool gone() const { return alive_.expired(); }

   private:
    friend class Alive;
    explicit Watch(const std::shared_ptr<char>& alive) : alive_(alive) {}

    std::weak_ptr<char> alive_;
  };

  Alive() = default;
  Alive(const Alive&) = delete;
  Alive& operator=(const Alive&) = delete;

  Watch watch() const { return Watch(alive_); }

  // `call` as a callback that returns nothing and does nothing once its watch is gone.
  template <class Call>
  auto guard(Call call) const {
    return [watch = watch(), call = std::move(call)](auto&&... arguments) mutable {
      if (!watch.gone()) {
        call(std::forward<decltype(arguments)>(arguments)...);
      }
    };
  }

  // All watches and guards that were given out so far are gone; the object lives on.
  void renew() { alive_ = std::make_shared<char>(); }

 private:
  std::shared_ptr<char> alive_ = std::make_shared<char>();
};

}  // namespace penstock
