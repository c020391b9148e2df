/* What is checked in a configuration text before libconfuse reads it, for the daemon's
 * configuration and the policy alike. libconfuse 3.3 by itself
 *   - replaces `${NAME}` from the environment,
 *   - lets a second setting of an option in a section replace the first, and merges sections,
 *   - reads a section that is cut short by the end of the file as whole,
 *   - drops stray characters and takes `section|option` for a path,
 *   - keeps its lexer's state in globals: after a string that does not end, the next text is read
 *     as the rest of it; and two threads must not parse at once,
 *   - counts the lines of comments wrongly, and takes no comment within a list.
 * So: read the text with cfgtext_read, and if that is content, give `plain` to cfg_parse_buf
 * between cfgtext_lock and cfgtext_unlock; ask the outline for lines. */
#ifndef BASE_CFGTEXT_H
#define BASE_CFGTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include "base/util.h"

#define CFGTEXT_DEPTH_MAX 16u /* sections within sections; the deepest real text has 3 */

/* One line for the reader, "NAME:LINE: sentence", without a newline. */
typedef void cfgtext_report_fn(void *opaque, const char *line);

/* A section, or an option that is set. */
struct cfgtext_item {
    const struct cfgtext_item *parent; /* the section that it stands in; NULL at the top */
    char *name;                        /* owned by the outline, as all of this */
    char *title;                       /* of a section that has one; or NULL */
    unsigned line;
    bool section;
    bool again;        /* set or opened before; only after a failure */
    bool list;         /* an option that is a list: = {...}, or += */
    size_t begin, end; /* its bytes in `plain`, all of a section's */
};

/* The outline of a text. */
struct cfgtext {
    struct cfgtext_item *items; /* in the order of the text */
    size_t n;
    char *plain;                        /* the text with its comments blanked, lines kept */
    const struct cfgtext_item **sorted; /* private: for cfgtext_find */
};

/* Reports what is wrong as NAME:LINE (`report` may be NULL); ERROR_INVALID if anything was, else 0
 * and *out, which goes to cfgtext_free. */
int cfgtext_read(const char *name, const char *text, size_t len, cfgtext_report_fn *report,
                 void *opaque, struct cfgtext **out) MUST_CHECK;
void cfgtext_free(struct cfgtext *t);

/* The same for those who go on to tell of more errors: after a failure *out may still be there (it
 * is, unless the grammar is at fault), with what was set twice or opened twice blanked in `plain`.
 * That is good for looking at, never for use. */
int cfgtext_read_on(const char *name, const char *text, size_t len, cfgtext_report_fn *report,
                    void *opaque, struct cfgtext **out) MUST_CHECK;

/* cfgtext_read for those who need no outline. */
int cfgtext_check(const char *name, const char *text, size_t len, cfgtext_report_fn *report,
                  void *opaque) MUST_CHECK;

/* The option or section of that name in `parent` (NULL: at the top); `title` NULL: one without a
 * title. NULL if it is not in the text. */
const struct cfgtext_item *cfgtext_find(const struct cfgtext *t, const struct cfgtext_item *parent,
                                        const char *name, const char *title);

/* Takes an item out of `plain`, so that libconfuse does not see it; its lines stay. */
void cfgtext_blank(struct cfgtext *t, const struct cfgtext_item *item);

/* Held around every use of libconfuse's parser. */
void cfgtext_lock(void);
void cfgtext_unlock(void);

static inline void cleanup_cfgtext(struct cfgtext **t)
{
    cfgtext_free(*t);
}
#define CLEANUP_CFGTEXT CLEANUP(cleanup_cfgtext)

#endif
