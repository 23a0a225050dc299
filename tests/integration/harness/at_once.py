"""Cases of one test that wait more than they work."""

from concurrent.futures import ThreadPoolExecutor


def all_of(jobs, run, at_once: int):
    """Runs each job, some at once, and tells of all that failed."""
    with ThreadPoolExecutor(at_once) as pool:
        futures = [(job[0], pool.submit(run, *job)) for job in jobs]
        failed = [f"{name}: {future.exception()}" for name, future in futures if future.exception()]
    assert not failed, "\n\n".join(failed)
