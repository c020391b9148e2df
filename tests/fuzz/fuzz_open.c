/* What a gateway, or somebody who says that he is one, says to a session that begins: greeting, who
 * we are to him, a login, the VM. The first byte says what we want of him; the rest is what he
 * says, whatever we answer. Checked besides memory: there is a session or an error, a session has
 * the VM that was asked for or is the gateway's as it may be, and no password went to somebody
 * unknown. */
#include "config.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include "base/clock.h"
#include "base/mem.h"
#include "libqmp/login.h"
#include "libqmp/session_internal.h"

#define INPUT_MAX (64u << 10) /* bytes; what the socket's buffer holds for sure */

static char *password(void *opaque, const char *user, const char *server)
{
    return mem_strdup("canary");
}

static struct qmp_settings *settings_of(uint8_t wish)
{
    struct qmp_settings *s = qmp_settings_new();
    qmp_settings_set_timeout(s, 1000);
    qmp_settings_set_target(s, (enum qmp_target)(wish & 3));
    qmp_settings_set_password_function(s, password, NULL);
    if (wish & 4)
        qmp_settings_set_user(s, "alice");
    if (wish & 8)
        qmp_settings_set_act_as(s, "sasl:bob@example.com");
    return s;
}

static void hear_nothing_secret(int peer)
{
    char said[INPUT_MAX];
    ssize_t n = read(peer, said, sizeof(said));
    FUZZ_ASSERT(n <= 0 || !memmem(said, (size_t)n, "canary", 6));
    /* base64 of "\0alice\0canary", as PLAIN would have it */
    FUZZ_ASSERT(n <= 0 || !memmem(said, (size_t)n, "AGFsaWNlAGNhbmFyeQ", 18));
}

static void check(const struct qmp_session *s, uint8_t wish)
{
    enum qmp_target target = (enum qmp_target)(wish & 3);
    FUZZ_ASSERT(s->greeting);
    if (target == QMP_TARGET_VM)
        FUZZ_ASSERT(!qmp_session_is_gateway(s));
    if (target == QMP_TARGET_ANY && (wish & 16))
        FUZZ_ASSERT(!qmp_session_is_gateway(s));
    FUZZ_ASSERT(target != QMP_TARGET_DOOR || !qmp_session_mechanism(s));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fds[2];
    struct login login;
    struct qmp_session *s = NULL;
    struct qmp_error *err = NULL;
    if (size == 0 || size > INPUT_MAX)
        return 0;
    uint8_t wish = data[0];
    struct qmp_settings *settings = settings_of(wish);
    FUZZ_ASSERT(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
    CLEANUP_FD int peer = fds[1];
    FUZZ_ASSERT(write(peer, data + 1, size - 1) == (ssize_t)(size - 1));
    shutdown(peer, SHUT_WR);
    struct session_way way = { .stream = stream_new_plain(fds[0]),
                               .vm = wish & 16 ? mem_strdup("web1") : NULL };
    FUZZ_ASSERT(login_init(&login, settings, NULL) == 0);
    int rc = session_begin_on(&way, &login, deadline_after(USEC_PER_SEC), &s, &err);
    FUZZ_ASSERT((rc == 0) == (s != NULL) && (rc == 0) == (err == NULL));
    if (s)
        check(s, wish);
    login_clear(&login);
    qmp_close(s);
    qmp_error_free(err);
    qmp_settings_free(settings);
    hear_nothing_secret(peer);
    return 0;
}
