// Where things are: brokers, the admin listener, the sink, directories. Pure; nothing is looked up.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/document.h"
#include "config/key.h"
#include "config/secret.h"
#include "config/settings.h"

namespace penstock::config {

Complaint check_brokers(const std::vector<std::string>& brokers);

// "127.0.0.1:9464", "[::1]:9464", "0.0.0.0:9464". Port 0 takes any free one. A listener that others can reach
// has to be written out: there is no short form for it.
Complaint read_listen(std::string_view text, AdminSettings& out);

// Whether only this machine can reach it: 127.0.0.0/8, ::1, "localhost". Not of a host that is empty.
bool is_loopback(std::string_view host);

// A token that goes into a header as it is.
Complaint read_admin_token(const Node& node, Secret& out);

// https://account.blob.core.windows.net/container/prefix, http:// for emulators, file:///directory, null:.
// Fills in url, kind and directory.
Complaint read_sink_url(const std::string& url, SinkSettings& out);

// http:// or https://, a host, perhaps a port and a path. Without a '/' at its end.
Complaint check_registry_url(const std::string& url);

// What a header of HTTP basic can hold.
Complaint check_registry_user(const std::string& user);

// Whether a login in requests to this url could be read on the way to it.
bool is_read_on_the_way(const std::string& url);

// An absolute path. Nothing is asked of the file system.
Complaint check_directory(const std::string& path);

// "https://login.microsoftonline.us": https:// and a host, perhaps with a port.
Complaint read_authority(const std::string& url, std::string& out);

// "https://contoso.servicebus.windows.net/.default"
Complaint check_scope(const std::string& scope);

// "system", or the absolute path of a file of certificates.
Complaint check_certificates(const std::string& path);

}  // namespace penstock::config
