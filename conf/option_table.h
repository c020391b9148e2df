/* Every section and every option of the configuration in one table: from it come what libconfuse
 * is told, the defaults, the checks, what a reload may change, and the manual page. */
#ifndef CONF_OPTION_TABLE_H
#define CONF_OPTION_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/error.h"

enum conf_section_id {
    CONF_TOP, /* what stands in no section */
    CONF_TLS,
    CONF_CA,
    CONF_LISTENER,
    CONF_VM,
    CONF_VM_DIRECTORY,
    CONF_LIBVIRT,
    CONF_AUDIT,
    CONF_AUDIT_SINK,
    CONF_SASL,
    CONF_LIMITS,
    CONF_SECTIONS,
};

/* A section with a title comes any number of times and makes an array of structs; one without
 * comes at most once and its options are members of struct conf itself. */
struct conf_section {
    const char *name;
    const char *title; /* what the title is, for the reader: "NAME"; NULL: has none */
    enum conf_section_id parent;
    const char *doc;
    /* of titled sections: in struct conf */
    size_t array;
    size_t count;
    /* of titled sections: the struct, and in it */
    size_t size;
    size_t title_member;
    size_t line_member;
    bool has_line;
    bool title_is_path;
    /* a sentence about what is wrong with a title, or 0 */
    int (*check_title)(const char *title, struct error *err);
};

enum conf_type {
    CONF_TYPE_TEXT,   /* char *, not empty */
    CONF_TYPE_PATH,   /* char *, made absolute by the file's directory */
    CONF_TYPE_KEY,    /* char *, a path or a pkcs11: URI */
    CONF_TYPE_NUMBER, /* unsigned */
    CONF_TYPE_SIZE,   /* uint64_t */
    CONF_TYPE_MODE,   /* mode_t, octal */
    CONF_TYPE_BOOL,   /* bool */
    CONF_TYPE_CHOICE, /* an enum: one of `choices` */
    CONF_TYPE_SWITCH, /* bool: on if the one word of `choices` is given */
    CONF_TYPE_TEXTS,  /* char **, and a size_t at `count` */
};

#define CONF_CHOICES_MAX 3

struct conf_option {
    enum conf_section_id section;
    const char *name;
    enum conf_type type;
    const char *value_doc;    /* what stands in the manual for a value: "PATH" */
    const char *default_text; /* as it would be written in the file; NULL: none */
    const char *default_doc;  /* what having none means; or NULL */
    const char *unit;         /* "seconds"; or NULL */
    bool required;
    bool reload;       /* a reload can change it */
    uint64_t min, max; /* of a number; of a path the longest, in bytes, or 0 */
    struct {
        const char *word;
        int value;
    } choices[CONF_CHOICES_MAX];
    int (*check)(const char *value, struct error *err); /* of each text; may be NULL */
    size_t member;      /* in the section's struct, or in struct conf */
    size_t count;       /* of CONF_TYPE_TEXTS, likewise */
    bool of_unnamed_ca; /* stands in tls, but is a member of the CA without a name */
    const char *doc;
};

extern const struct conf_section conf_sections[CONF_SECTIONS];
extern const struct conf_option conf_options[];
extern const size_t conf_n_options;

/* NULL if there is none of that name. */
const struct conf_option *conf_option_find(enum conf_section_id section, const char *name);
/* CONF_SECTIONS if there is none of that name in that parent. */
enum conf_section_id conf_section_find(enum conf_section_id parent, const char *name);

#endif
