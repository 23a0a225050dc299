// The process that holds a pod's namespaces until the kubelet ends it.
#include <signal.h>
#include <unistd.h>

static void end(int number) {
  (void)number;
  _exit(0);
}

int main(void) {
  signal(SIGTERM, end);
  signal(SIGINT, end);
  signal(SIGCHLD, SIG_IGN);  // what is left to it is gone when it ends
  for (;;) pause();
}
