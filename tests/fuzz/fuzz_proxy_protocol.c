/* The PROXY header: the parser never looks beyond what is there, wants no more once it has judged,
 * and judges the same whether the header comes whole or in pieces. */
#include "config.h"
#include "tests/fuzz/fuzz.h"

#include "net/proxy_protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sockaddr_storage peer;
    size_t consumed = 0;
    enum proxy_protocol_status whole = proxy_protocol_parse(data, size, &consumed, &peer, NULL);
    if (whole == PROXY_PROTOCOL_DONE) {
        FUZZ_ASSERT(consumed >= 16 && consumed <= size && consumed <= PROXY_PROTOCOL_MAX);
        FUZZ_ASSERT(peer.ss_family == AF_INET || peer.ss_family == AF_INET6 ||
                    peer.ss_family == AF_UNSPEC);
        FUZZ_ASSERT(proxy_protocol_detect(data, size));
    }
    if (whole == PROXY_PROTOCOL_MORE)
        FUZZ_ASSERT(size < PROXY_PROTOCOL_MAX);

    for (size_t len = 0; len < size && len < PROXY_PROTOCOL_MAX; len++) {
        size_t used = 0;
        enum proxy_protocol_status part = proxy_protocol_parse(data, len, &used, &peer, NULL);
        if (part == PROXY_PROTOCOL_MORE)
            continue;
        FUZZ_ASSERT(part == whole && used == consumed);
        break;
    }
    return 0;
}
