/* libqdev: what one -device, -object, -netdev, -blockdev, -chardev or -drive of QEMU says, as a
 * description that is built member by member, written in any of the forms that QEMU and libvirt
 * take it in, and read back from each.
 *
 * A description has a kind, a type (a device's driver, an object's qom-type, a chardev's backend,
 * ...), an id (a block node's node-name) and members. Members are values: strings, booleans,
 * integers, sizes (bytes), null, lists and objects. All text is UTF-8 without NUL; a value may be
 * empty. Names have 1 to 127 bytes.
 *
 * The forms, and what they cannot hold:
 * - ARGV, "virtio-net-pci,id=n,mac=...": all values become text (booleans on and off, sizes bytes
 *   in digits), so that what is read back from it is QDEV_UNTYPED. Blockdevs, and netdevs of type
 *   stream and dgram, take members of members ("file.filename=x", "a.0=x"); the other kinds do not,
 *   but for the lists that QEMU reads from a name that comes again (of an object host-nodes,
 *   cpu-affinity, node-affinity; of a netdev dnssearch, guestfwd, hostfwd, whose elements are
 *   objects {"str": TEXT}, or plain text, which reads back as such objects). No kind takes null,
 *   nor a list or object that is empty.
 * - JSON in ARGV, '{"driver":"virtio-net-pci",...}': devices, objects, netdevs and blockdevs.
 *   Whole and exact: it reads back as what it was, enumerations as strings, unsigned integers and
 *   sizes as integers, which qdev_equal takes for the same.
 * - QMP, the arguments of device_add, object-add, netdev_add, blockdev-add, chardev-add: the same,
 *   but a device's members must not be lists, objects or null, which QEMU 7.2 drops without a
 *   word (see QDEV_QMP_NESTED). A chardev's members have other names and places there, and
 *   defaults that differ are written out; reading back translates. A drive has no command.
 * - libvirt, <qemu:commandline> with a <qemu:arg> for each word: as ARGV, or as JSON in ARGV where
 *   that cannot hold it.
 *
 * QDEV_UNTYPED values know no type. They can be written in ARGV, in the arguments of device_add
 * (where QEMU 7.2 reads text too) and of chardev-add (whose types are known); elsewhere give the
 * member its type first, by setting it again.
 *
 * What is read may be hostile: it is refused, never repaired. Refused is also what QEMU takes and
 * reads in a way that may surprise: a name that comes twice, an option without a value ("server",
 * "nodelay"), a last comma, null bytes, help.
 *
 * Functions that fail return -1 or NULL and make an error that the caller frees, unless `err` is
 * NULL; otherwise they leave *err alone. `char *` results are freed with free(), `const` ones are
 * borrowed. All functions may be called from any thread; a description with all its values belongs
 * to one thread at a time, and may be read by many. The library has no state and does no input or
 * output. When memory runs out the process ends.
 * Since: 0.1. Source: QEMU 7.2, util/qemu-option.c, util/keyval.c, softmmu/vl.c, chardev/. */
#ifndef LIBQDEV_QDEV_H
#define LIBQDEV_QDEV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define QDEV_MUST_CHECK __attribute__((warn_unused_result))
#pragma GCC visibility push(default)
#else
#define QDEV_MUST_CHECK
#endif
#ifdef __cplusplus
extern "C" {
#endif

/* --- errors ----------------------------------------------------------------------------------- */

struct qdev_error;

enum qdev_error_kind {
    QDEV_ERROR_UNKNOWN = 0,
    QDEV_ERROR_ARGUMENT = 1, /* what the caller gave cannot be in a description */
    QDEV_ERROR_SYNTAX = 2,   /* a text is not of the form that it should have */
    QDEV_ERROR_FORM = 3,     /* a good description that this form cannot hold */
    QDEV_ERROR_LIMIT = 4,    /* too long, too deep, too many */
    QDEV_ERROR_MEANING = 5,  /* no QEMU of this catalogue would take it */
    QDEV_ERROR_ANSWER = 6,   /* the VM did not answer, or otherwise than QEMU does */
};

enum qdev_error_kind qdev_error_kind(const struct qdev_error *err);
/* A sentence without control bytes. Lives as long as the error. */
const char *qdev_error_text(const struct qdev_error *err);
void qdev_error_free(struct qdev_error *err);

/* --- descriptions ----------------------------------------------------------------------------- */

struct qdev;

enum qdev_kind {
    QDEV_KIND_UNKNOWN = 0,
    QDEV_DEVICE = 1,
    QDEV_OBJECT = 2,
    QDEV_NETDEV = 3,
    QDEV_BLOCKDEV = 4,
    QDEV_CHARDEV = 5,
    QDEV_DRIVE = 6, /* has no type: NULL */
};

/* "-device"; NULL for a kind that there is not. Static. */
const char *qdev_option(enum qdev_kind kind);
/* "device_add"; NULL for a drive. Static. */
const char *qdev_command(enum qdev_kind kind);

/* Ids: letters, digits, '-', '.', '_', beginning with a letter; a node-name has at most 31 bytes.
 * NULL: none. */
struct qdev *qdev_new(enum qdev_kind kind, const char *type, const char *id,
                      struct qdev_error **err) QDEV_MUST_CHECK;
/* NULL is fine. */
void qdev_free(struct qdev *q);
struct qdev *qdev_clone(const struct qdev *q) QDEV_MUST_CHECK;
/* Same kind, type, id and members, in whatever order. Strings equal enumerations of that name,
 * integers those of the same value; QDEV_UNTYPED equals its like only. */
bool qdev_equal(const struct qdev *a, const struct qdev *b);

enum qdev_kind qdev_kind(const struct qdev *q);
const char *qdev_type(const struct qdev *q); /* NULL: a drive */
const char *qdev_id(const struct qdev *q);   /* NULL: none */
int qdev_set_id(struct qdev *q, const char *id, struct qdev_error **err) QDEV_MUST_CHECK;

/* --- values ----------------------------------------------------------------------------------- */

/* Belongs to its description, and lives until it is replaced or removed. */
struct qdev_value;

enum qdev_value_kind {
    QDEV_VALUE_UNKNOWN = 0,
    QDEV_OBJECT_VALUE = 1,
    QDEV_LIST = 2,
    QDEV_STRING = 3,
    QDEV_ENUM = 4,
    QDEV_UNTYPED = 5, /* text of a command line, which does not tell types */
    QDEV_BOOL = 6,
    QDEV_INT = 7,
    QDEV_UINT = 8,
    QDEV_SIZE = 9,
    QDEV_NULL = 10,
};

/* The members, as an object. */
struct qdev_value *qdev_members(struct qdev *q);
const struct qdev_value *qdev_members_of(const struct qdev *q);

/* `in` is an object, and `name` a member's, which is replaced if it is there; or `in` is a list,
 * and `name` is NULL: the value goes to the end. An enumeration's value is letters, digits, '-',
 * '_',
 * '.' and '+'. Strings are copied. */
int qdev_set_string(struct qdev_value *in, const char *name, const char *value,
                    struct qdev_error **err) QDEV_MUST_CHECK;
int qdev_set_enum(struct qdev_value *in, const char *name, const char *value,
                  struct qdev_error **err) QDEV_MUST_CHECK;
int qdev_set_bool(struct qdev_value *in, const char *name, bool value,
                  struct qdev_error **err) QDEV_MUST_CHECK;
int qdev_set_int(struct qdev_value *in, const char *name, int64_t value,
                 struct qdev_error **err) QDEV_MUST_CHECK;
int qdev_set_uint(struct qdev_value *in, const char *name, uint64_t value,
                  struct qdev_error **err) QDEV_MUST_CHECK;
/* In bytes. */
int qdev_set_size(struct qdev_value *in, const char *name, uint64_t value,
                  struct qdev_error **err) QDEV_MUST_CHECK;
int qdev_set_null(struct qdev_value *in, const char *name, struct qdev_error **err) QDEV_MUST_CHECK;
/* Empty, to be filled. */
struct qdev_value *qdev_set_list(struct qdev_value *in, const char *name,
                                 struct qdev_error **err) QDEV_MUST_CHECK;
struct qdev_value *qdev_set_object(struct qdev_value *in, const char *name,
                                   struct qdev_error **err) QDEV_MUST_CHECK;
/* false: there was none. */
bool qdev_unset(struct qdev_value *object, const char *name);

enum qdev_value_kind qdev_value_kind(const struct qdev_value *v);
/* Members or elements; 0 of what has neither. */
size_t qdev_value_count(const struct qdev_value *v);
/* In the order in which they were set; NULL behind the last. */
const struct qdev_value *qdev_value_at(const struct qdev_value *v, size_t index);
/* NULL of an element. */
const char *qdev_value_name(const struct qdev_value *v);
/* NULL if there is none. */
const struct qdev_value *qdev_value_get(const struct qdev_value *object, const char *name);
/* The same, to be changed. */
struct qdev_value *qdev_value_edit(struct qdev_value *object, const char *name);

/* False if the value is not of that type; untyped ones are read as QEMU would. */
const char *qdev_value_string(const struct qdev_value *v); /* also enumerations; NULL: it is none */
bool qdev_value_bool(const struct qdev_value *v, bool *out);
bool qdev_value_int(const struct qdev_value *v, int64_t *out);
bool qdev_value_uint(const struct qdev_value *v, uint64_t *out);
/* Bytes; untyped ones with a suffix of B, K, M, G, T, P or E, of 1024, too. */
bool qdev_value_size(const struct qdev_value *v, uint64_t *out);

/* --- writing ---------------------------------------------------------------------------------- */

/* The word behind qdev_option(kind); at most 131071 bytes, Linux's limit of a word. */
char *qdev_to_argv(const struct qdev *q, struct qdev_error **err) QDEV_MUST_CHECK;
/* The same as one JSON object, in ASCII. */
char *qdev_to_json(const struct qdev *q, struct qdev_error **err) QDEV_MUST_CHECK;

/* A device's lists, objects and null are written: for a QEMU that is known to read them. */
#define QDEV_QMP_NESTED 1u

/* The `arguments` of qdev_command(kind), in ASCII. `flags`: 0 or QDEV_QMP_NESTED. */
char *qdev_to_qmp(const struct qdev *q, unsigned flags, struct qdev_error **err) QDEV_MUST_CHECK;

/* A <qemu:commandline> element with its namespace, for a child of libvirt's <domain>. */
char *qdev_to_libvirt(const struct qdev *const *items, size_t n,
                      struct qdev_error **err) QDEV_MUST_CHECK;

/* --- reading ---------------------------------------------------------------------------------- */

/* As QEMU reads the word behind the option: JSON too, of the kinds that take it. */
struct qdev *qdev_from_argv(enum qdev_kind kind, const char *text,
                            struct qdev_error **err) QDEV_MUST_CHECK;
struct qdev *qdev_from_json(enum qdev_kind kind, const char *text,
                            struct qdev_error **err) QDEV_MUST_CHECK;
struct qdev *qdev_from_qmp(enum qdev_kind kind, const char *arguments,
                           struct qdev_error **err) QDEV_MUST_CHECK;
/* One <qemu:commandline> element that has options of these kinds only. *items belongs to the
 * caller: qdev_array_free. */
int qdev_from_libvirt(const char *xml, struct qdev ***items, size_t *n,
                      struct qdev_error **err) QDEV_MUST_CHECK;
/* All of them, and the array. NULL is fine. */
void qdev_array_free(struct qdev **items, size_t n);

/* --- the catalogue ---------------------------------------------------------------------------- */

/* What devices and objects a QEMU has, and what properties they have. It does not change: any
 * number of threads may read it. What its functions return lives as long as it does. */
struct qdev_catalogue;
struct qdev_driver;
struct qdev_property;

/* Runs a command of QMP. 0: *result is the JSON text of what it returned, from malloc, which is
 * freed here; 1: QEMU refused; -1: there is no answer. `arguments`: JSON text, or NULL. With libqmp
 * it is a few lines around qmp_execute: see libqdev(3). */
typedef int(qdev_ask_fn)(void *opaque, const char *command, const char *arguments, char **result);

/* From a QEMU that runs, by qom-list-types, device-list-properties, qom-list-properties and, if it
 * may be had, human-monitor-command "info qdm", some five hundred commands. QEMU makes one of each
 * type to tell its properties, and some types harm or end the whole process then: those that are
 * known to are passed over, but ask a QEMU that was started for this (-machine none), and keep the
 * answer.
 */
struct qdev_catalogue *qdev_catalogue_ask(qdev_ask_fn *ask, void *opaque,
                                          struct qdev_error **err) QDEV_MUST_CHECK;
/* From a text that qdev_catalogue_text made. */
struct qdev_catalogue *qdev_catalogue_parse(const char *text,
                                            struct qdev_error **err) QDEV_MUST_CHECK;
char *qdev_catalogue_text(const struct qdev_catalogue *c) QDEV_MUST_CHECK;
void qdev_catalogue_free(struct qdev_catalogue *c); /* NULL is fine */

/* "7.2.0 (Debian 1:7.2+dfsg-7)" */
const char *qdev_catalogue_qemu(const struct qdev_catalogue *c);
/* `kind`: QDEV_DEVICE or QDEV_OBJECT; of others there are none. In the order of their names; NULL
 * behind the last. */
size_t qdev_catalogue_count(const struct qdev_catalogue *c, enum qdev_kind kind);
const struct qdev_driver *qdev_catalogue_at(const struct qdev_catalogue *c, enum qdev_kind kind,
                                            size_t index);
/* By its name or its alias; NULL if there is none. */
const struct qdev_driver *qdev_catalogue_find(const struct qdev_catalogue *c, enum qdev_kind kind,
                                              const char *name);

const char *qdev_driver_name(const struct qdev_driver *d);
const char *qdev_driver_alias(const struct qdev_driver *d); /* or NULL */
const char *qdev_driver_bus(const struct qdev_driver *d);   /* "PCI"; NULL: not known, or none */
const char *qdev_driver_description(const struct qdev_driver *d); /* or NULL */
/* Made by machines only: QEMU refuses it in -device. */
bool qdev_driver_is_internal(const struct qdev_driver *d);
/* Not asked for its properties, since QEMU might end: whatever it is given is taken for good. */
bool qdev_driver_is_opaque(const struct qdev_driver *d);
/* In the order of their names. */
size_t qdev_driver_count(const struct qdev_driver *d);
const struct qdev_property *qdev_driver_at(const struct qdev_driver *d, size_t index);
const struct qdev_property *qdev_driver_get(const struct qdev_driver *d, const char *name);

const char *qdev_property_name(const struct qdev_property *p);
const char *qdev_property_type(const struct qdev_property *p);        /* QEMU's word: "uint16" */
const char *qdev_property_description(const struct qdev_property *p); /* or NULL */
const char *qdev_property_default(const struct qdev_property *p);     /* JSON text, or NULL */
/* The values of an enumeration as far as they are known, "on/off/auto", or NULL. */
const char *qdev_property_values(const struct qdev_property *p);

/* 0: nothing is wrong that the catalogue knows of. Otherwise the error names it, and what was
 * probably meant: "virtio-net-pci has no property 'mca'; did you mean 'mac'?". Descriptions of
 * kinds that a catalogue does not have are all good. */
int qdev_validate(const struct qdev_catalogue *c, const struct qdev *q,
                  struct qdev_error **err) QDEV_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#if defined(__GNUC__)
#pragma GCC visibility pop
#endif
#endif
