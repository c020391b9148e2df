/* What the steps of loading share: conf_parse (load.c) calls them in this order. */
#ifndef CONF_LOADER_H
#define CONF_LOADER_H

#include "base/cfgtext.h"
#include "conf/conf.h"
#include "conf/option_table.h"

struct loader_complaint {
    unsigned line;
    char *sentence;
};

struct loader {
    const char *name; /* of the file, as reports give it */
    char *directory;  /* absolute: where relative paths begin; owned */
    conf_report_fn *report;
    void *opaque;
    struct loader_complaint *complaints; /* told at the end, in the order of lines; owned */
    size_t n_complaints;
    size_t complaints_cap;
    struct cfgtext *text;         /* owned */
    enum conf_section_id *places; /* what each item of the text is: a section's id, or an option's
                                     section's; CONF_SECTIONS: unknown. Owned */
    struct conf *conf;            /* owned until it is handed out */
};

void loader_complain(struct loader *l, unsigned line, const char *fmt, ...) PRINTF(3, 4);

/* outline.c: every name is known and stands where it may, in its form. What does not is reported
 * and blanked. */
void loader_check_outline(struct loader *l);

/* read.c: libconfuse's values into l->conf, each checked alone; defaults; what is required. */
void loader_read(struct loader *l);

/* check.c: what the values mean together. */
void loader_check_whole(struct loader *l);

#endif
