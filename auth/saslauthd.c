#include "config.h"
#include "auth/saslauthd.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/mem.h"
#include "base/secret.h"

#define LENGTH_BYTES 2u

/* Before each call that may block: what is left of the time. */
static int set_time_left(int fd, int64_t deadline_us)
{
    int64_t left = deadline_us - clock_monotonic_us();
    if (left <= 0) {
        errno = EAGAIN;
        return -1;
    }
    struct timeval tv = { .tv_sec = left / USEC_PER_SEC, .tv_usec = left % USEC_PER_SEC };
    int rc = setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
    return rc < 0 ? rc : setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
}

static int connect_to(int fd, const char *path, int64_t deadline_us)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    return set_time_left(fd, deadline_us) < 0
               ? -1
               : connect(fd, (struct sockaddr *)&address, sizeof(address));
}

static int send_all(int fd, const unsigned char *data, size_t len, int64_t deadline_us)
{
    while (len) {
        if (set_time_left(fd, deadline_us) < 0)
            return -1;
        ssize_t n = send(fd, data, len, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR)
            return -1;
        if (n > 0) {
            data += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

static int receive_all(int fd, unsigned char *data, size_t len, int64_t deadline_us)
{
    while (len) {
        if (set_time_left(fd, deadline_us) < 0)
            return -1;
        ssize_t n = recv(fd, data, len, 0);
        if (n == 0)
            errno = ECONNRESET;
        if (n == 0 || (n < 0 && errno != EINTR))
            return -1;
        if (n > 0) {
            data += n;
            len -= (size_t)n;
        }
    }
    return 0;
}

static unsigned char *add_string(unsigned char *p, struct span s)
{
    *p++ = (unsigned char)(s.len >> 8);
    *p++ = (unsigned char)s.len;
    memcpy(p, s.data, s.len);
    return p + s.len;
}

static int send_question(int fd, const struct saslauthd_question *q, int64_t deadline_us)
{
    unsigned char request[4 * (LENGTH_BYTES + SASLAUTHD_STRING_MAX)];
    unsigned char *end = add_string(request, q->user);
    end = add_string(end, q->password);
    end = add_string(end, q->service);
    end = add_string(end, q->realm);
    int rc = send_all(fd, request, (size_t)(end - request), deadline_us);
    secret_wipe(request, sizeof(request));
    return rc;
}

/* "OK" or "NO", and perhaps words behind it. */
static bool says(const unsigned char *answer, size_t len, const char *word)
{
    return len >= 2 && memcmp(answer, word, 2) == 0 && (len == 2 || answer[2] == ' ');
}

static enum saslauthd_answer read_answer(int fd, int64_t deadline_us, struct error *err)
{
    unsigned char length[LENGTH_BYTES], answer[SASLAUTHD_STRING_MAX];
    if (receive_all(fd, length, sizeof(length), deadline_us) < 0)
        goto silent;
    size_t len = (size_t)length[0] << 8 | length[1];
    if (len <= sizeof(answer)) {
        if (receive_all(fd, answer, len, deadline_us) < 0)
            goto silent;
        if (says(answer, len, "OK"))
            return SASLAUTHD_YES;
        if (says(answer, len, "NO"))
            return SASLAUTHD_NO;
    }
    error_set(err, ERROR_INVALID, "saslauthd gives an answer that is none");
    return SASLAUTHD_NONE;
silent:
    error_set_errno(err, "saslauthd does not answer");
    return SASLAUTHD_NONE;
}

static enum saslauthd_answer ask(int fd, const char *path, const struct saslauthd_question *q,
                                 struct error *err)
{
    int64_t deadline_us = clock_monotonic_us() + SASLAUTHD_SECONDS * USEC_PER_SEC;
    if (connect_to(fd, path, deadline_us) < 0 || send_question(fd, q, deadline_us) < 0) {
        error_set_errno(err, "cannot ask saslauthd");
        return SASLAUTHD_NONE;
    }
    return read_answer(fd, deadline_us, err);
}

enum saslauthd_answer saslauthd_ask(const char *socket_path,
                                    const struct saslauthd_question *question, struct error *err)
{
    const struct span *strings[] = { &question->user, &question->password, &question->service,
                                     &question->realm };
    for (size_t i = 0; i < ARRAY_SIZE(strings); i++) {
        if (strings[i]->len > SASLAUTHD_STRING_MAX) {
            error_set(err, ERROR_LIMIT, "longer than saslauthd takes");
            return SASLAUTHD_NO;
        }
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        error_set_errno(err, "cannot ask saslauthd");
        return SASLAUTHD_NONE;
    }
    enum saslauthd_answer answer = ask(fd, socket_path, question, err);
    close(fd);
    return answer;
}
