/* What libqdev takes and makes: name, unit, reason. */
#ifndef LIBQDEV_LIMITS_H
#define LIBQDEV_LIMITS_H

#define LIMIT_QDEV_TEXT_BYTES (1u << 20)  /* of a text of QMP or XML; words have far less */
#define LIMIT_QDEV_WORD_BYTES 131071u     /* of a word; Linux's MAX_ARG_STRLEN less its NUL */
#define LIMIT_QDEV_VALUES     4096u       /* of one description; lookups go along them */
#define LIMIT_QDEV_DEPTH      512u        /* levels; each backing file of an image is one */
#define LIMIT_QDEV_NAME_BYTES 127u        /* of a name; QEMU's limit of a part of a key */
#define LIMIT_QDEV_NODE_BYTES 31u         /* of a node-name; QEMU's limit */
#define LIMIT_QDEV_ITEMS      1024u       /* descriptions of one <qemu:commandline> */
#define LIMIT_QDEV_TOKENS     (64u << 10) /* of a JSON text; enough for all the values */

/* --- a catalogue ------------------------------------------------------------------------------ */
#define LIMIT_CATALOGUE_BYTES  (64u << 20) /* of a file; QEMU 7.2's has 0.2 MB */
#define LIMIT_CATALOGUE_DEPTH  8u          /* levels of an answer */
#define LIMIT_CATALOGUE_TOKENS (4u << 20)  /* of a text */
#define LIMIT_CATALOGUE_TYPES  65536u      /* of each kind; QEMU 7.2 has 445 devices */
#define LIMIT_CATALOGUE_NAME   256u        /* bytes of a type's or property's name, with NUL */

#endif
