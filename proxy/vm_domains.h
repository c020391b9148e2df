/* What libvirts say of their domains, and what it makes of VMs: under which name each is published,
 * which of several claimants of a UUID it is. Part of vms, under its lock; for nobody else but who
 * tells of a domain. */
#ifndef PROXY_VM_DOMAINS_H
#define PROXY_VM_DOMAINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vm;
struct vm_names;

/* What a connection says of one of its domains; borrowed. */
struct vm_domain {
    const char *connection;
    const char *site; /* which libvirtd it is, so that two ways to one are told from two hosts */
    const char *uuid; /* lower case; not the nil UUID */
    const char *name; /* as libvirt has it: any bytes */
    const char *title, *about; /* title and description, for people; NULL: none */
    const char *power;         /* a constant string */
    bool native;               /* query-name and query-uuid are answered by what is said here */
    bool follows;              /* sessions stay when it is started anew */
    uint64_t incarnation;      /* 0: it does not run */
    bool arriving;             /* it migrates in, or starts: not another claimant */
    bool came;                 /* by migrating, or it comes so: seen since its incarnation began */
    bool leaving; /* it migrates out, says its libvirt: who comes elsewhere is the same VM */
    char **labels;
    size_t n_labels;
};

struct vm_publisher {
    bool (*is_taken)(void *opaque, const char *name);
    /* NULL: there is none of the name any more. Replaces what has the name. */
    void (*publish)(const struct vm_publisher *p, const char *name, struct vm *take_vm);
    void *opaque;
    struct vm_names *changed;
};

struct vm_domains;
struct vm_domains *vm_domains_new(void);
void vm_domains_free(struct vm_domains *d);

void vm_domains_set(struct vm_domains *d, const struct vm_domain *domain,
                    const struct vm_publisher *p);
void vm_domains_drop(struct vm_domains *d, const char *connection, const char *uuid,
                     const struct vm_publisher *p);
void vm_domains_keep(struct vm_domains *d, const char *connection,
                     bool (*keep)(void *opaque, const char *uuid), void *opaque,
                     const struct vm_publisher *p);
/* Who else has a name may have changed. */
void vm_domains_settle_all(struct vm_domains *d, const struct vm_publisher *p);
/* Its name was taken from it without asking. */
void vm_domains_withdraw(struct vm_domains *d, const char *connection, const char *uuid);
/* What CONNECTION/DOMAIN is published as; NULL if there is none. Borrowed. */
const char *vm_domains_name_of(const struct vm_domains *d, const char *full);

/* vms.c */
struct vm *vm_from_domain(const struct vm_domain *d, const char *name, bool contested);

#endif
