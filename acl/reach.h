/* Arguments that reach the host: which they are, and of what kind. The tables behind it are pinned
 * to QEMU 7.2 and reviewed member by member; whatever they do not know (a newer QEMU's member,
 * branch, value, property, object type) is ACL_REACH_UNKNOWN. */
#ifndef ACL_REACH_H
#define ACL_REACH_H

#include <stddef.h>
#include <stdint.h>

enum acl_reach {
    ACL_REACH_NOTHING, /* reviewed: it names what the VM has, or says how */
    ACL_REACH_PATH,    /* a file of the host, never anything else */
    ACL_REACH_URI,     /* a file, an address or a program, as its text says */
    ACL_REACH_EXEC,    /* a program, or what is given to one */
    ACL_REACH_HOST,    /* an address or host name, or a device of the host by its address */
    ACL_REACH_PORT,
    ACL_REACH_COST,   /* a size, a count or a time that the host pays for */
    ACL_REACH_FD,     /* a passed descriptor */
    ACL_REACH_SECRET, /* a key or a password */
    ACL_REACH_QOM,    /* any property of any object, or its value */
    ACL_REACH_UNKNOWN,
    ACL_N_REACHES,
};

/* "path", "uri", ...: what refusals and the manual call it. */
const char *acl_reach_name(enum acl_reach reach);

/* Whoever else judges a value. To those who do not ask it, it is ACL_REACH_UNKNOWN. */
enum acl_owner {
    ACL_OWNER_NONE,
    ACL_OWNER_TRANSACTION, /* actions: an array of commands with other names for their parts */
    ACL_OWNER_HMP,         /* a line of words for the human monitor */
    ACL_OWNER_DEVICE,      /* a property, of the member's name, of the driver of device_add */
};

/* An argument that reaches the host, on a tape. */
struct acl_reached {
    uint32_t token; /* of the value: of a container that is judged as a whole, the container's */
    uint8_t reach;  /* enum acl_reach, not NOTHING */
    uint8_t owner;  /* enum acl_owner */
};

/* Owned by the caller, to be used again and again; zeros are an empty one. */
struct acl_reached_list {
    struct acl_reached *items; /* tokens ascend */
    size_t n, cap;
    uint64_t n_looked_at; /* values, by all searches so far: what they cost */
};

/* Without an owner. */
void acl_reached_add(struct acl_reached_list *list, uint32_t token, enum acl_reach reach);
void acl_reached_list_clear(struct acl_reached_list *list); /* frees what is inside */

#endif
