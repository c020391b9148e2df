/* Who guesses passwords waits. Failed logins are counted by (site, claimed name), never by the name
 * alone: whoever guesses alice's password from elsewhere does not lock alice out. A name is counted
 * whether it exists or not.
 *
 * The first few failures cost nothing; from then on each one doubles the time in which a login of
 * that pair fails whatever its password is. A site that claims many names shares one count for all
 * names beyond the first few, so that a new name for each guess gains nothing. Attempts that are
 * under way count as failed until they end, so that many at once gain nothing either.
 *
 * Any thread. Bounded: where too many pairs have failed, the one that failed longest ago is
 * forgotten. */
#ifndef PROXY_LOGIN_BACKOFF_H
#define PROXY_LOGIN_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

#define LOGIN_BACKOFF_FREE       3u /* failures that cost nothing */
#define LOGIN_BACKOFF_FIRST_S    1u /* then this, doubling */
#define LOGIN_BACKOFF_MAX_S      300u
#define LOGIN_BACKOFF_FORGET_S   900u   /* after the last failure */
#define LOGIN_BACKOFF_SITE_NAMES 32u    /* of a site, each with a count of its own */
#define LOGIN_BACKOFF_PAIRS_MAX  16384u /* in all */
#define LOGIN_BACKOFF_NAME_MAX   256u   /* bytes of a name that count */

struct login_backoff;
struct login_backoff *login_backoff_new(void);
void login_backoff_free(struct login_backoff *b);

/* An attempt that is under way. Owned by whoever began it, until login_backoff_end. */
struct login_attempt;

/* `site`: address_format_site. `name`: claimed; NULL where a mechanism does not tell. Seconds for
 * which the pair is held back: then *out is NULL, and the attempt has to fail. */
unsigned login_backoff_begin(struct login_backoff *b, const char *site, const char *name,
                             int64_t monotonic_us, struct login_attempt **out);

enum login_end {
    LOGIN_SUCCEEDED, /* forgets the pair's failures, unless many names share them */
    LOGIN_FAILED,
    LOGIN_ABANDONED, /* ended before a proof was looked at */
};
/* Takes the attempt; NULL is fine. */
void login_backoff_end(struct login_backoff *b, struct login_attempt *take_attempt,
                       enum login_end how, int64_t monotonic_us);

/* For administration: pairs that are held back now. */
struct login_held {
    const char *site;
    const char *name; /* "" where many names, or none, share the count */
    unsigned failures, seconds;
};
/* Under the mutex: visit copies. Stops after `max`; the number of all. */
unsigned login_backoff_visit(struct login_backoff *b, int64_t monotonic_us, unsigned max,
                             void (*visit)(void *opaque, const struct login_held *held),
                             void *opaque);
/* Forgets the failures of all pairs of that site and that name; NULL stands for any. How many. */
unsigned login_backoff_release(struct login_backoff *b, const char *site, const char *name);

#endif
