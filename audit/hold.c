/* What the sinks have shipped, so that retention does not overtake them. */
#include "config.h"
#include "audit/internal.h"

void audit_hold_retention(struct audit *a, unsigned sink, uint64_t shipped_seq)
{
    if (sink < a->n_sinks)
        atomic_store(&a->shipped[sink], shipped_seq);
}

uint64_t audit_shipped(const struct audit *a)
{
    uint64_t least = UINT64_MAX;
    for (unsigned i = 0; i < a->n_sinks; i++) {
        uint64_t shipped = atomic_load(&a->shipped[i]);
        if (shipped < least)
            least = shipped;
    }
    return least;
}
