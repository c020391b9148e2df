/* Asks saslauthd(8) about a password, by its own protocol: four strings there (user, password,
 * service, realm), one back, each behind two bytes of length. libsasl2 would do it too, but waits
 * for the answer for ever. Private to auth/. Blocks, but not for longer than SASLAUTHD_SECONDS. */
#ifndef AUTH_SASLAUTHD_H
#define AUTH_SASLAUTHD_H

#include <stddef.h>
#include "base/error.h"
#include "base/util.h"

#define SASLAUTHD_SECONDS    10   /* PAM takes two or three for a wrong password */
#define SASLAUTHD_STRING_MAX 1024 /* bytes; it takes no longer ones */

struct saslauthd_question {
    struct span user, password, service, realm;
};

enum saslauthd_answer {
    SASLAUTHD_YES,
    SASLAUTHD_NO,
    SASLAUTHD_NONE, /* it could not be asked, or did not answer, or not in its language: see err */
};
enum saslauthd_answer saslauthd_ask(const char *socket, const struct saslauthd_question *question,
                                    struct error *err) MUST_CHECK;

#endif
