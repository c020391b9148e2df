/* From a policy's text to libconfuse's tree, with everything refused that is not of the form of a
 * policy. What the words mean is acl/parse.c's. */
#ifndef ACL_TEXT_H
#define ACL_TEXT_H

#include <confuse.h>
#include "acl/acl.h"
#include "base/cfgtext.h"

/* What is wrong with a text, to be told in the order of its lines. */
struct acl_reports {
    const char *name;              /* of the text; borrowed */
    struct acl_report_line *lines; /* private; owned */
    size_t n, cap;
};

void acl_reports_add(struct acl_reports *r, unsigned line, const char *fmt, ...) PRINTF(3, 4);
/* Tells all and forgets them. */
void acl_reports_flush(struct acl_reports *r, acl_report_fn *report, void *opaque);

/* A value of an option, and where it stands. */
struct acl_word {
    unsigned line;
    char text[];
};

/* Values of a section's list; 0 if the option is not there. */
size_t acl_text_n_words(cfg_t *section, const char *option);
const struct acl_word *acl_text_word(cfg_t *section, const char *option, size_t i);

/* Negative if there is nothing to go on with (and then *outline and *tree are NULL). Otherwise
 * there can still be reports: the tree is then good for finding more, not for use. Both go to
 * cfgtext_free and cfg_free. */
int acl_text_read(struct acl_reports *reports, const char *text, size_t len,
                  struct cfgtext **outline, cfg_t **tree) MUST_CHECK;

#endif
