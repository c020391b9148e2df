"""Do two samples of times look alike? What tells them apart is what an eavesdropper, or a guesser, could."""

import bisect
import math
import statistics


def distance(a, b):
    """Kolmogorov-Smirnov: the largest difference of the two shares of what is below a time."""
    a, b = sorted(a), sorted(b)
    return max(abs(bisect.bisect_right(a, x) / len(a) - bisect.bisect_right(b, x) / len(b)) for x in a + b)


def limit(n):
    """What the distance of two samples of one distribution, n in each, exceeds once in a hundred times."""
    return math.sqrt(-math.log(0.01 / 2) / n)


def table(title, unit, times):
    """times: {what: sample}; each is compared to the first."""
    first = next(iter(times.values()))
    print(f"\n{title}: {len(first)} of each; {unit}\n\n"
          f"| | p10 | p50 | p90 | distance (of one distribution: under {limit(len(first)):.3f}) |\n"
          "| --- | ---: | ---: | ---: | ---: |")
    for what, sample in times.items():
        q = statistics.quantiles(sample, n=10)
        print(f"| {what} | {q[0]:.2f} | {statistics.median(sample):.2f} | {q[8]:.2f} | {distance(sample, first):.3f} |")
