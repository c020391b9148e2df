/* What a server and a client of libsasl2 both need before they start it. */
#include "config.h"
#include "auth/sasl_internal.h"

#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include "base/secret.h"

/* --- memory and locks ------------------------------------------------------------------------- */

static void wiping_free(void *p)
{
    if (p)
        secret_wipe(p, malloc_usable_size(p));
    free(p);
}

/* realloc would leave the old bytes where they were. */
static void *wiping_realloc(void *p, size_t size)
{
    if (!p)
        return malloc(size);
    void *new = malloc(size);
    if (!new)
        return NULL;
    size_t old = malloc_usable_size(p);
    memcpy(new, p, old < size ? old : size);
    wiping_free(p);
    return new;
}

static void *mutex_new(void)
{
    pthread_mutex_t *m = malloc(sizeof(*m));
    if (m && pthread_mutex_init(m, NULL) != 0) {
        free(m);
        return NULL;
    }
    return m;
}

static int mutex_lock(void *m)
{
    return pthread_mutex_lock(m) == 0 ? SASL_OK : SASL_FAIL;
}

static int mutex_unlock(void *m)
{
    return pthread_mutex_unlock(m) == 0 ? SASL_OK : SASL_FAIL;
}

static void mutex_free(void *m)
{
    if (m)
        pthread_mutex_destroy(m);
    free(m);
}

static void prepare(void)
{
    sasl_set_mutex(mutex_new, mutex_lock, mutex_unlock, mutex_free);
    sasl_set_alloc(malloc, calloc, wiping_realloc, wiping_free);
}

void sasl_prepare_library(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, prepare);
}

/* --- plugins ---------------------------------------------------------------------------------- */

/* Of all that lies in the directory (OTP, NTLM, LDAP, ...) only these run in the gateway. */
static bool is_wanted_plugin(const char *file)
{
    static const char *const wanted[] = { "libplain.", "libscram.", "libgssapiv2.", "libsasldb." };
    const char *slash = strrchr(file, '/');
    const char *name = slash ? slash + 1 : file;
    for (size_t i = 0; i < ARRAY_SIZE(wanted); i++) {
        if (strncmp(name, wanted[i], strlen(wanted[i])) == 0)
            return true;
    }
    return false;
}

int sasl_choose_plugin(void *context, const char *file, sasl_verify_type_t type)
{
    return type != SASL_VRFY_PLUGIN || is_wanted_plugin(file) ? SASL_OK : SASL_CONTINUE;
}
