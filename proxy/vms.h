/* Which VMs there are: those of the configuration, those whose sockets appear in a watched
 * directory, and the domains of libvirts. A struct vm is immutable and reference counted; the table
 * is replaced as a whole. Thread-safe. */
#ifndef PROXY_VMS_H
#define PROXY_VMS_H

#include <stdbool.h>
#include <sys/types.h>
#include "acl/acl.h"
#include "conf/conf.h"
#include "proxy/vm_socket.h"

struct vm {
    char *name;
    char *socket; /* or address and port */
    char *address;
    unsigned port;
    char *uuid; /* configured: the only one that policy and look-ups believe; or NULL */
    char **labels;
    size_t n_labels;
    uid_t *owner_uids; /* who may own the socket (vm_directory); none: anybody */
    size_t n_owners;
    bool hold;
    bool from_directory;
    struct vm_socket at; /* from a directory: which socket had the path when it was read */
    bool dns_label;      /* the name can be asked for by TLS server name */
    /* of libvirt: its socket and address are NULL */
    char *connection;     /* the section's name; NULL: it is reached by a socket */
    char *domain;         /* its name there */
    bool native;          /* query-name and query-uuid need not ask it */
    char *title, *about;  /* title and description: for people, never for policy; or NULL */
    const char *power;    /* "running", "paused", "shutoff", ...: a constant string */
    uint64_t incarnation; /* another one after each start; 0: it does not run */
    bool contested;       /* two that run claim to be it: neither is believed */
    bool arriving;        /* it migrates in, and cannot be asked yet */
    bool came;            /* it is where it is by migrating in, since this start */
    bool leaving;         /* it migrates out */
    bool follows;         /* sessions stay when it is started anew */
    char *agent_of;    /* it is the agent in the guest of the VM of this name; NULL: it is a VM */
    struct acl_vm acl; /* the same, as policy wants it */
    _Atomic unsigned refs;
};

struct vm *vm_ref(struct vm *vm);
void vm_unref(struct vm *vm);
/* The target NAME:agent of a VM that is reached by libvirt: a reference, or NULL. */
struct vm *vm_agent(const struct vm *vm);
/* Same place, same socket there (or the same start of the domain), same UUID, same owners: sessions
 * may stay. */
bool vm_same_target(const struct vm *a, const struct vm *b);

struct vms;
struct vms *vms_new(void);
void vms_free(struct vms *vms);

/* Replaces all VMs that come from configuration. */
void vms_set_configured(struct vms *vms, const struct conf *conf);
struct vm_file {
    char *name; /* of a socket in its directory */
    struct vm_socket at;
};
struct vm_names {
    char **items; /* each owned */
    size_t n, cap;
};
void vm_names_free(struct vm_names *names);

/* Replaces all VMs of one directory by these sockets; those whose name is configured already are
 * left out, with a warning in the log. Adds to `left` the VMs that were there and are not any more,
 * or are something else under their name. */
void vms_set_directory(struct vms *vms, const struct conf_vm_directory *dir,
                       const uid_t *owner_uids, const struct vm_file *files, size_t n,
                       struct vm_names *left);
/* Forgets directories that are not in conf any more. */
void vms_keep_directories(struct vms *vms, const struct conf *conf);

/* What is known of a domain (again), or that it is gone. Adds to `changed` the names under which
 * something is else than it was. */
struct vm_domain;
void vms_set_domain(struct vms *vms, const struct vm_domain *domain, struct vm_names *changed);
void vms_drop_domain(struct vms *vms, const char *connection, const char *uuid,
                     struct vm_names *changed);
/* All of a connection that a visit does not want to keep. */
void vms_keep_domains(struct vms *vms, const char *connection,
                      bool (*keep)(void *opaque, const char *uuid), void *opaque,
                      struct vm_names *changed);

/* Each with a reference, or NULL. With ":agent" behind it, its guest's agent. */
struct vm *vms_find(struct vms *vms, const char *name_or_uuid);
struct vm *vms_find_name(struct vms *vms, const char *name);
/* By TLS server name: `<vm><suffix>`, case ignored; a VM's name if it is a DNS label, or a UUID. */
struct vm *vms_find_by_sni(struct vms *vms, const char *sni, const char *suffix);

/* All of them, sorted by name, each with a reference; free the array. */
struct vm **vms_list(struct vms *vms, size_t *n);

/* Is this a name a VM can have: [A-Za-z0-9._-]+, at most 64 characters, not beginning with a dot,
 * and not in the form of a UUID? */
bool vm_name_valid(const char *name, size_t len);
/* Can it be asked for by TLS server name: letters, digits, hyphens, at most 63? */
bool vm_name_is_dns_label(const char *name);

#endif
