// A control service that decides nothing: answers each request with what it got, at once, on a bare
// connection of the client library. What a manager cannot beat; for the benchmark.
//
//   bare_echo URL CREDS SUBJECT QUEUE
#include <nats/nats.h>
#include <signal.h>

#include <cstdio>

namespace {

void Answer(natsConnection* connection, natsSubscription*, natsMsg* message, void*) {
  if (natsMsg_GetReply(message) != nullptr) {
    natsConnection_Publish(connection, natsMsg_GetReply(message), natsMsg_GetData(message),
                           natsMsg_GetDataLength(message));
  }
  natsMsg_Destroy(message);
}

natsStatus Serve(const char* url, const char* creds, const char* subject, const char* queue) {
  natsOptions* options = nullptr;
  natsConnection* connection = nullptr;
  natsSubscription* subscription = nullptr;
  natsStatus status = natsOptions_Create(&options);
  if (status == NATS_OK) status = natsOptions_SetURL(options, url);
  if (status == NATS_OK) status = natsOptions_SetUserCredentialsFromFiles(options, creds, nullptr);
  // Each answer goes out by itself, as an answer has to.
  if (status == NATS_OK) status = natsOptions_SetSendAsap(options, true);
  if (status == NATS_OK) status = natsConnection_Connect(&connection, options);
  if (status == NATS_OK) {
    status = natsConnection_QueueSubscribe(&subscription, connection, subject, queue, &Answer, nullptr);
  }
  if (status == NATS_OK) status = natsConnection_Flush(connection);
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  sigset_t stop;
  sigemptyset(&stop);
  sigaddset(&stop, SIGTERM);
  sigprocmask(SIG_BLOCK, &stop, nullptr);
  const natsStatus status = Serve(argv[1], argv[2], argv[3], argv[4]);
  std::printf("%s\n", status == NATS_OK ? "serving" : natsStatus_GetText(status));
  std::fflush(stdout);
  int caught = 0;
  return status == NATS_OK ? sigwait(&stop, &caught) : 1;
}
