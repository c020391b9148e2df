#include "config.h"
#include "proxy/vm_domains.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>
#include "base/log.h"
#include "base/mem.h"
#include "proxy/vms.h"

struct record;

/* All records with one UUID, or with one name. */
struct group {
    UT_hash_handle hh;
    struct record *records;
    bool alarmed; /* of a UUID: two claim it, and it was said */
    char key[];
};

struct record {
    UT_hash_handle hh;
    struct vm_domain says; /* owns what it points to */
    struct group *uuid, *name;
    struct record *uuid_prev, *uuid_next, *name_prev, *name_next;
    char *published; /* the VM's name; NULL: it is none */
    bool contested;  /* as published */
    bool stale;      /* says something else than what is published */
    bool seen;       /* in the pass that is under way */
    char key[];      /* CONNECTION/UUID */
};

struct vm_domains {
    struct record *records;
    struct group *uuids, *names;
};

struct vm_domains *vm_domains_new(void)
{
    return MEM_NEW(struct vm_domains);
}

/* --- groups ----------------------------------------------------------------------------------- */

static struct group *group_of(struct group **groups, const char *key)
{
    struct group *g;
    size_t len = strlen(key);
    HASH_FIND(hh, *groups, key, len, g);
    if (!g) {
        g = mem_zalloc(sizeof(*g) + len + 1);
        memcpy(g->key, key, len + 1);
        HASH_ADD_KEYPTR(hh, *groups, g->key, len, g);
    }
    return g;
}

static void drop_if_empty(struct group **groups, struct group *g)
{
    if (g->records)
        return;
    HASH_DELETE(hh, *groups, g);
    free(g);
}

static void join_name(struct vm_domains *d, struct record *r)
{
    r->name = group_of(&d->names, r->says.name);
    DL_APPEND2(r->name->records, r, name_prev, name_next);
}

static void leave_name(struct vm_domains *d, struct record *r)
{
    DL_DELETE2(r->name->records, r, name_prev, name_next);
    drop_if_empty(&d->names, r->name);
}

/* --- records ---------------------------------------------------------------------------------- */

static char **copy_labels(char *const *labels, size_t n)
{
    char **copy = MEM_NEW_N(char *, n);
    for (size_t i = 0; i < n; i++)
        copy[i] = mem_strdup(labels[i]);
    return copy;
}

static void free_labels(struct vm_domain *v)
{
    for (size_t i = 0; i < v->n_labels; i++)
        free(v->labels[i]);
    free(v->labels);
}

static void free_says(struct vm_domain *v)
{
    free_labels(v);
    free((char *)v->connection);
    free((char *)v->site);
    free((char *)v->uuid);
    free((char *)v->name);
    free((char *)v->title);
    free((char *)v->about);
}

static struct vm_domain copy_says(const struct vm_domain *v)
{
    struct vm_domain copy = *v;
    copy.connection = mem_strdup(v->connection);
    copy.site = mem_strdup(v->site);
    copy.uuid = mem_strdup(v->uuid);
    copy.name = mem_strdup(v->name);
    copy.title = mem_strdup(v->title);
    copy.about = mem_strdup(v->about);
    copy.labels = copy_labels(v->labels, v->n_labels);
    return copy;
}

static struct record *find(const struct vm_domains *d, const char *connection, const char *uuid)
{
    struct record *r;
    CLEANUP_FREE char *key = mem_printf("%s/%s", connection, uuid);
    HASH_FIND(hh, d->records, key, strlen(key), r);
    return r;
}

static void remove_record(struct vm_domains *d, struct record *r)
{
    HASH_DELETE(hh, d->records, r);
    DL_DELETE2(r->uuid->records, r, uuid_prev, uuid_next);
    drop_if_empty(&d->uuids, r->uuid);
    leave_name(d, r);
    free_says(&r->says);
    free(r->published);
    free(r);
}

void vm_domains_free(struct vm_domains *d)
{
    struct record *r, *next;
    HASH_ITER (hh, d->records, r, next)
        remove_record(d, r);
    free(d);
}

/* --- which it is, and how it is called -------------------------------------------------------- */

/* Has one of a UUID come by migrating? Only for such a one does it count that another leaves. */
static bool has_come(const struct group *uuid)
{
    const struct record *r;
    DL_FOREACH2(uuid->records, r, uuid_next)
    {
        if (r->says.came && !r->says.leaving && !r->says.arriving)
            return true;
    }
    return false;
}

/* Two that run at two places are two VMs that claim to be one. Of a VM that moves, the one that it
 * moves to does not count until it has arrived, and from then on the one that it leaves. */
static bool is_contested(const struct group *uuid)
{
    const struct record *r, *first = NULL;
    bool moved = has_come(uuid);
    DL_FOREACH2(uuid->records, r, uuid_next)
    {
        if (r->says.incarnation == 0 || r->says.arriving || (moved && r->says.leaving))
            continue;
        if (first && strcmp(first->says.site, r->says.site) != 0)
            return true;
        if (!first)
            first = r;
    }
    return false;
}

static int rank(const struct record *r)
{
    return r->says.incarnation == 0 ? 0 : r->says.arriving ? 1 : r->says.leaving ? 2 : 3;
}

/* Of all that have the UUID, the one that is the VM: who runs, and of several ways to one, always
 * the same. */
static struct record *representative(const struct group *uuid)
{
    struct record *r, *best = NULL;
    DL_FOREACH2(uuid->records, r, uuid_next)
    {
        if (!best || rank(r) > rank(best) ||
            (rank(r) == rank(best) && strcmp(r->says.connection, best->says.connection) < 0))
            best = r;
    }
    return best;
}

static bool is_alone(const struct group *name)
{
    const struct record *r;
    unsigned n = 0;
    DL_FOREACH2(name->records, r, name_next)
    n += representative(r->uuid) == r;
    return n == 1;
}

/* NULL: it is not published. */
static char *name_for(const struct record *r, const struct vm_publisher *p)
{
    const char *name = r->says.name;
    if (representative(r->uuid) != r)
        return NULL;
    if (!vm_name_valid(name, strlen(name)))
        return mem_strdup(r->says.uuid);
    if (is_alone(r->name) && !p->is_taken(p->opaque, name))
        return mem_strdup(name);
    return mem_printf("%s/%s", r->says.connection, name);
}

/* --- settling --------------------------------------------------------------------------------- */

struct pass {
    struct record **items;
    size_t n, cap;
};

static void look_at(struct pass *pass, struct record *r)
{
    if (r->seen)
        return;
    r->seen = true;
    mem_grow((void **)&pass->items, &pass->cap, pass->n + 1, sizeof(*pass->items));
    pass->items[pass->n++] = r;
}

static void look_at_name(struct pass *pass, struct group *name)
{
    struct record *r;
    DL_FOREACH2(name->records, r, name_next)
    look_at(pass, r);
}

/* Everything that what happened to one of a UUID can change: its other claimants, and those that
 * have a name in common with one of these. */
static void look_at_uuid(struct pass *pass, struct group *uuid)
{
    struct record *r;
    DL_FOREACH2(uuid->records, r, uuid_next)
    {
        look_at(pass, r);
        look_at_name(pass, r->name);
    }
}

static void tell_contested(struct group *uuid, bool contested)
{
    if (contested && !uuid->alarmed)
        log_error("two VMs that run claim the UUID %s: neither is served", uuid->key);
    else if (!contested && uuid->alarmed)
        log_warning("the UUID %s is claimed by one VM again", uuid->key);
    uuid->alarmed = contested;
}

static void withdraw(struct record *r, const struct vm_publisher *p)
{
    p->publish(p, r->published, NULL);
    free(r->published);
    r->published = NULL;
}

/* What loses its name first, so that names that are free can be taken. Ends the pass. */
static void settle(struct pass *pass, const struct vm_publisher *p)
{
    CLEANUP_FREE char **wanted = MEM_NEW_N(char *, pass->n);
    for (size_t i = 0; i < pass->n; i++) {
        struct record *r = pass->items[i];
        wanted[i] = name_for(r, p);
        if (r->published && (!wanted[i] || strcmp(wanted[i], r->published) != 0))
            withdraw(r, p);
    }
    for (size_t i = 0; i < pass->n; i++) {
        struct record *r = pass->items[i];
        bool contested = is_contested(r->uuid);
        tell_contested(r->uuid, contested);
        if (wanted[i] && (!r->published || r->stale || contested != r->contested)) {
            free(r->published);
            r->published = TAKE_PTR(wanted[i]);
            r->contested = contested;
            r->stale = false;
            p->publish(p, r->published, vm_from_domain(&r->says, r->published, contested));
        }
        free(wanted[i]);
        r->seen = false;
    }
    free(pass->items);
}

/* --- what connections say --------------------------------------------------------------------- */

static bool same_labels(const struct vm_domain *a, const struct vm_domain *b)
{
    if (a->n_labels != b->n_labels)
        return false;
    for (size_t i = 0; i < a->n_labels; i++) {
        if (strcmp(a->labels[i], b->labels[i]) != 0)
            return false;
    }
    return true;
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_says(const struct vm_domain *a, const struct vm_domain *b)
{
    return strcmp(a->name, b->name) == 0 && strcmp(a->site, b->site) == 0 && a->power == b->power &&
           a->incarnation == b->incarnation && a->arriving == b->arriving && a->came == b->came &&
           a->leaving == b->leaving && a->native == b->native && a->follows == b->follows &&
           same_text(a->title, b->title) && same_text(a->about, b->about) && same_labels(a, b);
}

static struct record *add_record(struct vm_domains *d, const struct vm_domain *domain)
{
    size_t len = strlen(domain->connection) + 1 + strlen(domain->uuid);
    struct record *r = mem_zalloc(sizeof(*r) + len + 1);
    CLEANUP_FREE char *key = mem_printf("%s/%s", domain->connection, domain->uuid);
    memcpy(r->key, key, len + 1);
    r->says = copy_says(domain);
    HASH_ADD_KEYPTR(hh, d->records, r->key, len, r);
    r->uuid = group_of(&d->uuids, domain->uuid);
    DL_APPEND2(r->uuid->records, r, uuid_prev, uuid_next);
    join_name(d, r);
    return r;
}

/* What a look finds has no memory: who was seen to come has come, for as long as it runs. */
static struct vm_domain with_memory(const struct record *r, const struct vm_domain *domain)
{
    struct vm_domain says = *domain;
    bool same = r && r->says.incarnation == says.incarnation;
    says.came = says.incarnation && (says.came || (same && r->says.came));
    return says;
}

void vm_domains_set(struct vm_domains *d, const struct vm_domain *look,
                    const struct vm_publisher *p)
{
    struct pass pass = { 0 };
    struct record *r = find(d, look->connection, look->uuid);
    const struct vm_domain says = with_memory(r, look), *domain = &says;
    if (!r) {
        r = add_record(d, domain);
    } else if (same_says(&r->says, domain)) {
        return;
    } else {
        look_at_name(&pass, r->name); /* those that had its old name in common */
        struct vm_domain old = r->says;
        leave_name(d, r);
        r->says = copy_says(domain);
        join_name(d, r);
        free_says(&old);
    }
    r->stale = true;
    look_at_uuid(&pass, r->uuid);
    settle(&pass, p);
}

static void drop(struct vm_domains *d, struct record *gone, const struct vm_publisher *p)
{
    struct pass pass = { 0 };
    if (gone->published)
        withdraw(gone, p);
    look_at_uuid(&pass, gone->uuid);
    for (size_t i = 0; i < pass.n; i++) {
        if (pass.items[i] == gone)
            pass.items[i--] = pass.items[--pass.n];
    }
    remove_record(d, gone);
    settle(&pass, p);
}

void vm_domains_drop(struct vm_domains *d, const char *connection, const char *uuid,
                     const struct vm_publisher *p)
{
    struct record *r = find(d, connection, uuid);
    if (r)
        drop(d, r, p);
}

void vm_domains_keep(struct vm_domains *d, const char *connection,
                     bool (*keep)(void *opaque, const char *uuid), void *opaque,
                     const struct vm_publisher *p)
{
    struct record *r, *next;
    HASH_ITER (hh, d->records, r, next) {
        if (strcmp(r->says.connection, connection) == 0 && !keep(opaque, r->says.uuid))
            drop(d, r, p);
    }
}

void vm_domains_settle_all(struct vm_domains *d, const struct vm_publisher *p)
{
    struct record *r, *next;
    struct pass pass = { 0 };
    HASH_ITER (hh, d->records, r, next)
        look_at(&pass, r);
    settle(&pass, p);
}

void vm_domains_withdraw(struct vm_domains *d, const char *connection, const char *uuid)
{
    struct record *r = find(d, connection, uuid);
    if (!r)
        return;
    free(r->published);
    r->published = NULL;
}

const char *vm_domains_name_of(const struct vm_domains *d, const char *full)
{
    const char *slash = strchr(full, '/');
    if (!slash || !vm_name_valid(slash + 1, strlen(slash + 1)))
        return NULL;
    struct group *name;
    const struct record *r;
    size_t len = (size_t)(slash - full);
    HASH_FIND(hh, d->names, slash + 1, strlen(slash + 1), name);
    if (!name)
        return NULL;
    DL_FOREACH2(name->records, r, name_next)
    {
        if (strlen(r->says.connection) == len && memcmp(r->says.connection, full, len) == 0)
            return r->published;
    }
    return NULL;
}
