/* Samples of a command's arguments, as short as its schema lets them be. */
#ifndef CLI_POLICY_SAMPLE_H
#define CLI_POLICY_SAMPLE_H

#include "base/buf.h"
#include "qmp/types.h"

#define POLICY_SAMPLES_MAX 2000u /* of one command; 7.2 has none with so many */

/* Goes through all of them: each enum with each of its values, each alternate with each of its
 * kinds, but for containers deep down. Begins with zeros. */
struct policy_sampler {
    struct policy_choice {
        uint32_t at, n;
    } * choices; /* owned */
    size_t n, cap;
    size_t used; /* by the sample at work */
    unsigned made;
};

/* The next sample of a command's arguments, JSON, in place of what is in `out`. False: there is
 * none left, or it would be too many. */
bool policy_sample_next(struct policy_sampler *p, const struct qmp_schema *s, unsigned command,
                        struct buf *out);
void policy_sampler_clear(struct policy_sampler *p);
#define CLEANUP_SAMPLER CLEANUP(policy_sampler_clear)

#endif
