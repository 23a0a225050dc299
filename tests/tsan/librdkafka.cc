// What librdkafka needs under ThreadSanitizer. In every executable of the tsan preset that has it.
//
// 1. C11 threads on POSIX threads. The sanitizer follows pthread_* and knows nothing of thrd_*, mtx_* and
// cnd_*, of which librdkafka is made: a thread that thrd_create starts has no state of the sanitizer's and
// crashes in its first intercepted call, and a mutex that mtx_lock takes orders nothing. These definitions
// stand in the executable, so the dynamic linker prefers them to libc's, and every call passes through the
// functions that the sanitizer watches. glibc keeps both families in the same types, so objects that were
// made statically work too.
//
// 2. One suppression. librdkafka is not built with the sanitizer, and counts references with atomics that it
// therefore cannot see: the broker thread that frees a fetch response after a thread of ours has read a
// record in it and let it go looks like a race. So calls that the library itself makes into libc (free,
// memcpy, ...) are not looked at. All code of ours is, also when the library calls it.
//
// 3. Its locks are looked at all the same, or what they order would look like races too. Mutexes are by way
// of 1; its pthread_rwlock_* pass through here for no other reason than to be called from the executable, not
// the library. But the making and the destroying of a lock are ordered by those reference counts, so they
// count as no access to it.
#include <cerrno>
#include <cstdint>
#include <ctime>
#include <new>

#include <dlfcn.h>
#include <pthread.h>
#include <threads.h>

static_assert(sizeof(mtx_t) == sizeof(pthread_mutex_t) && alignof(mtx_t) == alignof(pthread_mutex_t));
static_assert(sizeof(cnd_t) == sizeof(pthread_cond_t) && alignof(cnd_t) == alignof(pthread_cond_t));
static_assert(sizeof(once_flag) == sizeof(pthread_once_t));
static_assert(sizeof(thrd_t) == sizeof(pthread_t));

// Of the sanitizer's run time, in no header of gcc's.
extern "C" void AnnotateIgnoreWritesBegin(const char* file, int line);
extern "C" void AnnotateIgnoreWritesEnd(const char* file, int line);

namespace {

int as_c11(int error) {
  switch (error) {
    case 0:
      return thrd_success;
    case EBUSY:
      return thrd_busy;
    case ENOMEM:
      return thrd_nomem;
    case ETIMEDOUT:
      return thrd_timedout;
    default:
      return thrd_error;
  }
}

pthread_mutex_t* as_posix(mtx_t* mutex) {
  return reinterpret_cast<pthread_mutex_t*>(mutex);
}
pthread_cond_t* as_posix(cnd_t* condition) {
  return reinterpret_cast<pthread_cond_t*>(condition);
}

// While one lives, what the thread writes is not looked at.
struct Unwatched {
  Unwatched() { AnnotateIgnoreWritesBegin(__FILE__, __LINE__); }
  ~Unwatched() { AnnotateIgnoreWritesEnd(__FILE__, __LINE__); }
};

struct Start {
  thrd_start_t function;
  void* argument;
};

void* run(void* opaque) {
  const Start start = *static_cast<Start*>(opaque);
  delete static_cast<Start*>(opaque);
  return reinterpret_cast<void*>(static_cast<std::intptr_t>(start.function(start.argument)));
}

// The sanitizer's own function of that name, which ours stands before.
template <typename Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

const char* __tsan_default_suppressions() {
  return "called_from_lib:librdkafka.so\n";
}

int thrd_create(thrd_t* thread, thrd_start_t function, void* argument) {
  auto* start = new (std::nothrow) Start{function, argument};
  if (start == nullptr) {
    return thrd_nomem;
  }
  const int error = pthread_create(thread, nullptr, run, start);
  if (error != 0) {
    delete start;
  }
  return as_c11(error);
}

int thrd_join(thrd_t thread, int* result) {
  void* returned = nullptr;
  const int error = pthread_join(thread, &returned);
  if (error == 0 && result != nullptr) {
    *result = static_cast<int>(reinterpret_cast<std::intptr_t>(returned));
  }
  return as_c11(error);
}

int thrd_detach(thrd_t thread) {
  return as_c11(pthread_detach(thread));
}

void thrd_exit(int result) {
  pthread_exit(reinterpret_cast<void*>(static_cast<std::intptr_t>(result)));
}

int mtx_init(mtx_t* mutex, int type) {
  const Unwatched unwatched;
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_settype(&attributes,
                            (type & mtx_recursive) != 0 ? PTHREAD_MUTEX_RECURSIVE : PTHREAD_MUTEX_NORMAL);
  const int error = pthread_mutex_init(as_posix(mutex), &attributes);
  pthread_mutexattr_destroy(&attributes);
  return as_c11(error);
}

int mtx_lock(mtx_t* mutex) {
  return as_c11(pthread_mutex_lock(as_posix(mutex)));
}
int mtx_trylock(mtx_t* mutex) {
  return as_c11(pthread_mutex_trylock(as_posix(mutex)));
}
int mtx_timedlock(mtx_t* __restrict mutex, const timespec* __restrict until) {
  return as_c11(pthread_mutex_timedlock(as_posix(mutex), until));
}
int mtx_unlock(mtx_t* mutex) {
  return as_c11(pthread_mutex_unlock(as_posix(mutex)));
}
void mtx_destroy(mtx_t* mutex) {
  const Unwatched unwatched;
  pthread_mutex_destroy(as_posix(mutex));
}

int cnd_init(cnd_t* condition) {
  const Unwatched unwatched;
  return as_c11(pthread_cond_init(as_posix(condition), nullptr));
}
int cnd_signal(cnd_t* condition) {
  return as_c11(pthread_cond_signal(as_posix(condition)));
}
int cnd_broadcast(cnd_t* condition) {
  return as_c11(pthread_cond_broadcast(as_posix(condition)));
}
int cnd_wait(cnd_t* condition, mtx_t* mutex) {
  return as_c11(pthread_cond_wait(as_posix(condition), as_posix(mutex)));
}
int cnd_timedwait(cnd_t* __restrict condition, mtx_t* __restrict mutex, const timespec* __restrict until) {
  return as_c11(pthread_cond_timedwait(as_posix(condition), as_posix(mutex), until));
}
void cnd_destroy(cnd_t* condition) {
  const Unwatched unwatched;
  pthread_cond_destroy(as_posix(condition));
}

void call_once(once_flag* flag, void (*function)(void)) {
  pthread_once(reinterpret_cast<pthread_once_t*>(flag), function);
}

int pthread_rwlock_rdlock(pthread_rwlock_t* lock) {
  static const auto watched = next<decltype(pthread_rwlock_rdlock)>("pthread_rwlock_rdlock");
  return watched(lock);
}
int pthread_rwlock_wrlock(pthread_rwlock_t* lock) {
  static const auto watched = next<decltype(pthread_rwlock_wrlock)>("pthread_rwlock_wrlock");
  return watched(lock);
}
int pthread_rwlock_unlock(pthread_rwlock_t* lock) {
  static const auto watched = next<decltype(pthread_rwlock_unlock)>("pthread_rwlock_unlock");
  return watched(lock);
}

}  // extern "C"
