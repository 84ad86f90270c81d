/* A TCP connection. libcurl only opens it (names, IPv6, time-outs) and afterwards owns the descriptor; the bytes are ours. */
#include "sim/client/internal.h"
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

bool client_socket_open(client_socket *s, const char *host, int port, double timeout_s, base_error *err)
{
    char url[320], reason[CURL_ERROR_SIZE] = "";
    snprintf(url, sizeof url, strchr(host, ':') ? "http://[%s]:%d" : "http://%s:%d", host, port);
    CURL *curl = curl_easy_init();
    if (!curl)
        return base_fail(err, BASE_MEMORY, "%s:%d: no memory for a connection", host, port);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_CONNECT_ONLY, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, ""); /* CONNECT_ONLY obeys http_proxy, and would talk to the proxy */
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)(timeout_s * 1000));
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
    CURLcode got = curl_easy_perform(curl);
    curl_socket_t fd = CURL_SOCKET_BAD;
    if (got == CURLE_OK)
        got = curl_easy_getinfo(curl, CURLINFO_ACTIVESOCKET, &fd);
    if (got != CURLE_OK || fd == CURL_SOCKET_BAD) {
        curl_easy_cleanup(curl);
        return base_fail(err, got == CURLE_OPERATION_TIMEDOUT ? BASE_TIMEOUT : BASE_NETWORK, "%s:%d: cannot connect: %s", host,
                         port, reason[0] ? reason : curl_easy_strerror(got));
    }
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, NULL);
    *s = (client_socket){ curl, (int)fd };
    return true;
}

void client_socket_close(client_socket *s)
{
    if (s->curl)
        curl_easy_cleanup(s->curl);
    *s = (client_socket){ NULL, -1 };
}

ptrdiff_t client_socket_send(client_socket *s, const void *data, size_t bytes, base_error *err)
{
    ptrdiff_t n = send(s->fd, data, bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n >= 0)
        return n;
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
        return 0;
    base_fail(err, BASE_NETWORK, "connection lost while sending: %s", strerror(errno));
    return -1;
}

ptrdiff_t client_socket_receive(client_socket *s, void *data, size_t bytes, base_error *err)
{
    ptrdiff_t n = recv(s->fd, data, bytes, MSG_DONTWAIT);
    if (n > 0)
        return n;
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return 0;
    base_fail(err, BASE_NETWORK, "connection %s", n == 0 ? "closed by the server" : strerror(errno));
    return -1;
}
