/* The daemon's configuration as one plain, immutable, reference-counted value. Everything in it was
 * checked for its form; files that it names are opened by those who use them. See
 * conf/option_table.c for each option's type, default, unit, and whether a reload can change it. */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "base/error.h"

#define CONF_SINKS_MAX      16         /* audit_sink sections */
#define CONF_FILE_BYTES_MAX (4u << 20) /* bytes of a configuration file; 20,000 VMs fit */

enum conf_client_cert {
    CONF_CLIENT_CERT_REQUIRED,
    CONF_CLIENT_CERT_OPTIONAL,
    CONF_CLIENT_CERT_NONE
};
enum conf_identity { CONF_IDENTITY_EXTERNAL, CONF_IDENTITY_SASL };
enum conf_on_failure { CONF_ON_FAILURE_REFUSE, CONF_ON_FAILURE_DRAIN };
enum conf_compress { CONF_COMPRESS_ZSTD, CONF_COMPRESS_NONE };
enum conf_sync { CONF_SYNC_WRITE, CONF_SYNC_DATA, CONF_SYNC_NONE };
enum conf_pwcheck { CONF_PWCHECK_SASLDB, CONF_PWCHECK_SASLAUTHD };
enum conf_refusal_detail { CONF_REFUSAL_BRIEF, CONF_REFUSAL_FULL };

struct conf_ca {
    char *name; /* "" for the unnamed one: tls { ca = "..." crl = "..." } */
    char *file;
    char *crl; /* or NULL */
};

struct conf_listener {
    char *name;
    unsigned line;
    /* TLS over TCP: */
    char *address; /* NULL for a UNIX listener */
    unsigned port;
    enum conf_client_cert client_cert;
    char *sni_suffix;    /* ".vm.example.com" or NULL */
    char *vm;            /* fixed VM or NULL */
    bool proxy_protocol; /* v2 */
    char **proxy_from;   /* CIDRs */
    size_t n_proxy_from;
    /* either: */
    char **sasl; /* mechanisms that are offered; none: no login by SASL */
    size_t n_sasl;
    enum conf_identity identity; /* whose name counts where there are two */
    bool two_factors;            /* a certificate (or peer credentials) and a login */
    /* UNIX: */
    char *path;
    mode_t mode;
    char *owner; /* or NULL */
    char *group;
};

struct conf_labels {
    char **items; /* "key=value" */
    size_t n;
};

struct conf_vm {
    char *name;
    unsigned line;
    char *socket; /* or */
    char *address;
    unsigned port; /* loopback only */
    char *uuid;    /* canonical lower case, or NULL */
    struct conf_labels labels;
    bool hold;
};

struct conf_vm_directory {
    char *path;
    unsigned line;
    char *pattern; /* "*.qmp": exactly one `*`, what it stands for is the name */
    struct conf_labels labels;
    char **owners; /* user names; empty: any */
    size_t n_owners;
};

enum conf_sink_type { CONF_SINK_UNKNOWN, CONF_SINK_JOURNALD, CONF_SINK_SYSLOG };

struct conf_audit_sink {
    char *name;
    unsigned line;
    enum conf_sink_type type;
    char *path; /* of a UNIX socket; NULL with address: of its type by default */
    /* TLS over TCP: */
    char *address; /* or NULL */
    unsigned port;
    char *server_name; /* NULL: address */
    char *ca, *cert, *key, *priority;
    /* how it is written: */
    char *facility; /* see conf_syslog_facility */
    char *app_name, *sd_id;
    char *hostname; /* NULL: the machine's */
    unsigned message_bytes;
    /* how it is sent: */
    unsigned queue; /* records */
    unsigned settle_seconds;
    unsigned retry_seconds;
    unsigned lag_seconds; /* behind: told in the log */
};

/* A libvirtd that brings the VMs it has. */
struct conf_libvirt {
    char *name;
    unsigned line;
    char *uri;
    struct conf_labels labels;
    char **include; /* globs of domains' names; none: all */
    size_t n_include;
    char **exclude; /* likewise, out of these */
    size_t n_exclude;
    bool trust_metadata;  /* labels in a domain's metadata count */
    bool readonly_native; /* what libvirt knows as well is answered without the monitor */
    bool follow_restart;  /* who is attached stays when a domain is started anew */
    unsigned max_calls;   /* unanswered at a time */
    unsigned grace_seconds;
};

/* Every member's unit is in its name. */
struct conf_limits {
    unsigned connections;
    unsigned connections_per_identity;
    unsigned connections_per_address;
    unsigned connections_unauthenticated;
    unsigned handshake_seconds;  /* to finish TLS */
    unsigned negotiate_seconds;  /* to be ready */
    unsigned idle_seconds;       /* 0: for ever */
    unsigned queued_commands;    /* a client */
    unsigned request_bytes;      /* one message */
    uint64_t reply_bytes;        /* one message of a VM */
    uint64_t output_soft_bytes;  /* a client: events are dropped over it */
    uint64_t output_hard_bytes;  /* a client: it is disconnected over it */
    uint64_t output_total_bytes; /* of all clients together */
    unsigned vm_timeout_seconds;
    unsigned barrier_wait_seconds;
    unsigned monitor_linger_seconds;
    unsigned drain_seconds;            /* SIGTERM: for commands in flight */
    unsigned explain_per_minute;       /* gateway-explain, a client */
    unsigned login_attempts;           /* failed ones of a connection, then it ends */
    unsigned login_delay_milliseconds; /* answers to them wait for a multiple of this */
};

struct conf {
    char *file; /* as it was given */
    char *policy;
    char *policy_shadow; /* or NULL */
    unsigned policy_line, policy_shadow_line;
    char *state_dir;
    unsigned threads;       /* VM loops; 0: one a CPU */
    unsigned front_threads; /* 0: one a CPU */
    char *user;             /* NULL: not given */
    char *group;
    enum conf_refusal_detail refusal_detail;

    struct {
        bool given;
        unsigned line;
        char *cert, *key, *priority; /* priority may be NULL */
        struct conf_ca *cas;
        size_t n_cas;
    } tls;

    struct conf_listener *listeners;
    size_t n_listeners;
    struct conf_vm *vms;
    size_t n_vms;
    struct conf_vm_directory *directories;
    size_t n_directories;
    struct conf_libvirt *libvirts;
    size_t n_libvirts;

    struct {
        char *path;
        enum conf_sync sync;
        unsigned reserve_kilobytes;
        unsigned refusals_burst, refusals_per_second;
        unsigned all_refusals_burst, all_refusals_per_second;
        enum conf_on_failure on_failure;
        unsigned on_failure_seconds;
        unsigned segment_megabytes, segment_hours; /* 0: never */
        enum conf_compress compress;
        unsigned keep_days, keep_megabytes; /* 0: for ever */
        char *seal_key;                     /* NULL: no seals */
        char *seal_public;                  /* NULL: the key tells */
        char *seal_old_key;                 /* NULL: none */
        char *seal_old_public;
        unsigned seal_key_line, seal_old_key_line;
        unsigned seal_records, seal_seconds; /* 0: not by it */
        char *seal_command;                  /* NULL: none */
    } audit;

    struct conf_audit_sink *sinks;
    size_t n_sinks;

    /* Logins by SASL; the defaults if the section is not there. */
    struct {
        char *service;
        char *hostname; /* NULL: the machine's */
        char *realm;    /* lower case; NULL: hostname */
        char *db;
        enum conf_pwcheck pwcheck;
        char *saslauthd;          /* socket */
        char *keytab;             /* NULL: Kerberos' own */
        unsigned session_seconds; /* a login is good for; 0: for ever */
    } sasl;

    struct conf_limits limits;

    _Atomic unsigned refs; /* private */
};

/* All relative paths are resolved against the file's directory. Every error is reported as
 * "file:line: sentence" through `report` (may be NULL); negative if there was any. */
typedef void conf_report_fn(void *opaque, const char *line);
int conf_load(const char *file, conf_report_fn *report, void *opaque, struct conf **out) MUST_CHECK;
/* The same from text; `name` stands in reports, and its directory is where relative paths begin. */
int conf_parse(const char *name, const char *text, size_t len, conf_report_fn *report, void *opaque,
               struct conf **out) MUST_CHECK;
/* The policy that a file names, whatever else is wrong with it; NULL if that cannot be told. For
 * telling the errors of both files at once; the caller frees it. `line` is where it names it. */
char *conf_policy_of(const char *file, unsigned *line);
/* Is a `key` a pkcs11: URI rather than a file? NULL is none. */
bool conf_key_in_token(const char *key);
/* The number of a facility of syslog by its word; negative if there is none of that name. */
int conf_syslog_facility(const char *word);
struct conf *conf_ref(struct conf *c);
void conf_unref(struct conf *c);

/* What a reload from `before` to `after` asks for but cannot have (needs a restart): each as a line
 * through `report`; the number of them. */
size_t conf_not_reloadable(const struct conf *before, const struct conf *after,
                           conf_report_fn *report, void *opaque);

#endif
