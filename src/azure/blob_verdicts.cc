// How it works. The rows are read from the top, and the first one that fits is taken. Rows with a code come
// before those of a status. A code that no row has is judged by its status, and never as a reason to drop
// data.
//
// Worked cases:
//
//   409 BlobAlreadyExists      already_exists, give_up: the name is taken, the caller asks by whom
//   409 ContainerBeingDeleted  unavailable, retry: of the same status, and passes
//   409 without a code         already_exists: a HEAD or a proxy stripped the code, the name must be asked
//   404 BlobNotFound           not_found, give_up: one blob is absent
//   404 ContainerNotFound      not_found, fatal: no blob can be written until a person creates the container
//   500 OperationTimedOut      throttled: with 503 this is how a partition of the account says "too much"
//   418 IAmATeapot             invalid_input, fatal: unknown and below 500 waits until a person looks
//   599 Whatever               unavailable, retry: unknown and from 500 on is a fault of the service
//
// https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes
// https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes
// https://learn.microsoft.com/rest/api/storageservices/sas-error-codes
#include "azure/blob_verdicts.h"

namespace penstock::azure {

namespace {

constexpr std::string_view k_exists = "the name is taken";
constexpr std::string_view k_no_permission =
    "the credential is good and does not allow this: use a SAS with read, create, write and list (sp=rcwl); "
    "one that an identity has signed allows no more than that identity's role (Storage Blob Data "
    "Contributor)";
constexpr std::string_view k_no_role =
    "the token is good, and its identity has no right to this: assign it the role Storage Blob Data "
    "Contributor on the container or the account (Owner and Contributor are no rights to data); an "
    "assignment takes up to 10 minutes";
constexpr std::string_view k_wrong_token =
    "the token is not taken: see whether it is for the audience https://storage.azure.com and of the tenant "
    "of the account, and whether this machine's clock is right";
constexpr std::string_view k_bad_request =
    "the service refuses the request as it stands: see whether an emulator is too old, or a proxy changes "
    "requests";
constexpr std::string_view k_bad_metadata =
    "the service does not take the blob's metadata: see whether a proxy changes or adds headers x-ms-meta-*";
constexpr std::string_view k_bad_method =
    "the service does not take this method here: see whether sink.url is the address of a Blob service, and "
    "a proxy lets PUT and HEAD through";
constexpr std::string_view k_wrong_account =
    "this storage account, or its blob endpoint, does not have what penstock needs: name a general-purpose "
    "v2 account (StorageV2) or a premium block blob account in sink.url";
constexpr std::string_view k_bad_name =
    "the service does not take this name: see sink.url, batch.path and the names of the topics";
constexpr std::string_view k_place_taken =
    "a directory has this name, or a file that of a directory: clear the place, or choose another prefix in "
    "sink.url";
constexpr std::string_view k_archived =
    "a blob of this name is in the archive tier: nothing overwrites it, and it can be read once it is "
    "rehydrated";
constexpr std::string_view k_immutable =
    "the name is taken by a blob that a retention policy or a legal hold protects";
constexpr std::string_view k_leased = "the name is taken by a blob that someone holds a lease on";
constexpr std::string_view k_key_vault =
    "the account cannot reach its own encryption key (a customer-managed key): restore the key, the vault "
    "or the account's right to it";
constexpr std::string_view k_server_fault = "a fault of the service; it usually passes";
constexpr std::string_view k_slow_down = "the service asks to slow down";
constexpr std::string_view k_damaged = "the bytes changed on their way";

constexpr Verdict k_verdicts[] = {
    // A conditional create that found something. The reader of the name then learns what. A lease, another
    // type of blob, a policy against changes and a SAS without overwriting each say that something is there.
    {0, "BlobAlreadyExists", ErrorKind::already_exists, Action::give_up, k_exists},
    {0, "ConditionNotMet", ErrorKind::already_exists, Action::give_up, k_exists},
    {0, "TargetConditionNotMet", ErrorKind::already_exists, Action::give_up, k_exists},
    {0, "UnauthorizedBlobOverwrite", ErrorKind::already_exists, Action::give_up, k_exists},
    {0, "BlobImmutableDueTo*", ErrorKind::already_exists, Action::give_up, k_immutable},
    {0, "InvalidBlobType", ErrorKind::already_exists, Action::give_up, "a blob of another type has the name"},
    {0, "LeaseId*", ErrorKind::already_exists, Action::give_up, k_leased},
    {0, "LeaseLost", ErrorKind::already_exists, Action::give_up, k_leased},
    {0, "BlobArchived", ErrorKind::already_exists, Action::give_up, k_archived},
    {0, "BlobBeingRehydrated", ErrorKind::already_exists, Action::give_up, k_archived},
    {0, "SnapshotsPresent", ErrorKind::already_exists, Action::give_up,
     "the name is taken, and has snapshots"},
    {0, "PathAlreadyExists", ErrorKind::already_exists, Action::give_up, k_exists},
    {0, "ResourceAlreadyExists", ErrorKind::already_exists, Action::give_up, k_exists},
    {0, "BlobUsesCustomerSpecifiedEncryption", ErrorKind::already_exists, Action::give_up,
     "the name is taken by a blob that is encrypted with a key of somebody's own"},
    {0, "ContainerAlreadyExists", ErrorKind::already_exists, Action::give_up,
     "the container is there already"},

    // Of something that is absent, or a name that cannot be.
    {0, "ContainerNotFound", ErrorKind::not_found, Action::fatal, "create the container"},
    {0, "FilesystemNotFound", ErrorKind::not_found, Action::fatal, "create the container"},
    {0, "BlobNotFound", ErrorKind::not_found, Action::give_up, "no blob has this name"},
    {0, "PathNotFound", ErrorKind::not_found, Action::give_up, "no blob has this name"},
    {0, "ResourceNotFound", ErrorKind::not_found, Action::give_up,
     "nothing has this name, or this credential is not told of it"},
    {0, "InvalidResourceName", ErrorKind::invalid_input, Action::fatal, k_bad_name},
    {0, "InvalidUri", ErrorKind::invalid_input, Action::fatal, k_bad_name},
    {0, "RequestUrlFailedToParse", ErrorKind::invalid_input, Action::fatal, k_bad_name},
    {0, "PathIsTooDeep", ErrorKind::invalid_input, Action::fatal,
     "the name has too many directories for the account: shorten batch.path or the prefix in sink.url"},
    {0, "OutOfRangeInput", ErrorKind::invalid_input, Action::fatal,
     "a name or a value is too long for the service: shorten batch.path or the prefix in sink.url"},

    // Of blocks, sizes and bytes.
    {0, "InvalidBlockList", ErrorKind::invalid_block_list, Action::give_up,
     "a block of the list is not there: put the blocks again"},
    {0, "BlockCountExceedsLimit", ErrorKind::invalid_input, Action::fatal, "raise sink.block_bytes"},
    {0, "BlockListTooLong", ErrorKind::invalid_input, Action::fatal, "raise sink.block_bytes"},
    {0, "RequestBodyTooLarge", ErrorKind::invalid_input, Action::fatal, "lower sink.block_bytes"},
    {0, "Md5Mismatch", ErrorKind::corrupt, Action::retry, k_damaged},
    {0, "Crc64Mismatch", ErrorKind::corrupt, Action::retry, k_damaged},
    {0, "InvalidRange", ErrorKind::invalid_input, Action::give_up, "the blob is shorter than this"},

    // Requests that are not as the service wants them.
    {0, "InvalidHeaderValue", ErrorKind::invalid_input, Action::fatal,
     "a header is not as the service wants it: see whether an emulator is too old, or a proxy changes "
     "headers"},
    {0, "UnsupportedHeader", ErrorKind::invalid_input, Action::fatal,
     "the service does not know a header: see whether an emulator is too old, or a proxy adds headers"},
    {0, "ConditionHeadersNotSupported", ErrorKind::invalid_input, Action::fatal,
     "the service takes no condition here, and without one a file could be overwritten: see whether this is "
     "a Blob service, and a proxy adds headers"},
    {0, "MultipleConditionHeadersNotSupported", ErrorKind::invalid_input, Action::fatal,
     "the request came with more than one condition: see whether a proxy adds headers"},
    {0, "EmptyMetadataKey", ErrorKind::invalid_input, Action::fatal, k_bad_metadata},
    {0, "InvalidMetadata", ErrorKind::invalid_input, Action::fatal, k_bad_metadata},
    {0, "MetadataTooLarge", ErrorKind::invalid_input, Action::fatal, k_bad_metadata},
    {0, "InvalidHttpVerb", ErrorKind::invalid_input, Action::fatal, k_bad_method},
    {0, "UnsupportedHttpVerb", ErrorKind::invalid_input, Action::fatal, k_bad_method},

    // Conflicts that never pass. Codes of 409 that are not here may.
    {0, "BlobOperationNotSupported", ErrorKind::unsupported, Action::fatal, k_wrong_account},
    {0, "FeatureVersionMismatch", ErrorKind::unsupported, Action::fatal, k_wrong_account},
    {0, "EndpointUnsupportedAccountFeatures", ErrorKind::unsupported, Action::fatal, k_wrong_account},
    {0, "BlobAccessTierNotSupportedForAccountType", ErrorKind::unsupported, Action::fatal, k_wrong_account},
    {0, "ResourceTypeMismatch", ErrorKind::unsupported, Action::fatal,
     "something of another type has this name: clear the place, or choose another prefix in sink.url"},
    {0, "PathConflict", ErrorKind::unsupported, Action::fatal, k_place_taken},
    {0, "OperationNotSupportedOnDirectory", ErrorKind::unsupported, Action::fatal, k_place_taken},

    // Too much at a time. The last one may have taken effect, as every answer that is no yes.
    {0, "ServerBusy", ErrorKind::throttled, Action::retry, k_slow_down},
    {0, "TooManyRequests", ErrorKind::throttled, Action::retry, k_slow_down},
    {0, "AccountIopsLimitExceeded", ErrorKind::throttled, Action::retry, "the account is over its limit"},
    {0, "OperationTimedOut", ErrorKind::throttled, Action::retry,
     "the service has taken too long, as it does when it is asked too much; it usually passes"},

    // States that pass by themselves, or with an administrator.
    {0, "AccountBeingCreated", ErrorKind::unavailable, Action::retry, "the account is being created"},
    {0, "ContainerBeingDeleted", ErrorKind::unavailable, Action::retry,
     "the container is being deleted: when that is done, create it again"},
    {0, "FilesystemBeingDeleted", ErrorKind::unavailable, Action::retry,
     "the container is being deleted: when that is done, create it again"},
    {0, "ContainerDisabled", ErrorKind::unavailable, Action::retry,
     "an administrator disabled the container"},

    // Who we are.
    {0, "AuthenticationFailed", ErrorKind::unauthenticated, Action::give_up,
     "the key or SAS is wrong or has expired, or this machine's clock is wrong", k_wrong_token},
    {0, "InvalidAuthenticationInfo", ErrorKind::unauthenticated, Action::give_up,
     "the credential is malformed or has expired", k_wrong_token},
    {0, "NoAuthenticationInformation", ErrorKind::unauthenticated, Action::give_up,
     "the credential is missing: see whether a proxy takes the Authorization header off"},
    {0, "PublicAccessNotPermitted", ErrorKind::unauthenticated, Action::give_up,
     "the request came without a credential, and the account forbids that: see whether a proxy takes the "
     "Authorization header off"},

    // What we may. Azure says AuthorizationFailure of network rules, which take minutes to follow a change;
    // Azurite says it of a wrong key.
    {0, "AuthorizationFailure", ErrorKind::forbidden, Action::give_up,
     "the account's network rules exclude this machine (its firewall, or a private endpoint whose name "
     "resolves to another address here), or the credential does not allow this (an emulator: its key is "
     "wrong); a change takes some minutes",
     "the account's network rules exclude this machine (its firewall, or a private endpoint whose name "
     "resolves to another address here), or the identity has no right to this; a change takes some minutes"},
    {0, "AuthorizationPermissionMismatch", ErrorKind::forbidden, Action::fatal, k_no_permission, k_no_role},
    {0, "KeyBasedAuthenticationNotPermitted", ErrorKind::forbidden, Action::fatal,
     "the account forbids shared keys, and the SAS that are signed with them: use another sink.auth, or "
     "allow "
     "key access in the account"},
    {0, "AccountIsDisabled", ErrorKind::forbidden, Action::fatal,
     "the storage account is disabled: see whether its subscription is (a bill, a spending limit), and "
     "enable it again"},
    {0, "AuthorizationResourceTypeMismatch", ErrorKind::forbidden, Action::fatal,
     "the SAS is not for containers and blobs: make it with srt=co"},
    {0, "AuthorizationServiceMismatch", ErrorKind::forbidden, Action::fatal,
     "the SAS is not for the Blob service: make it with ss=b"},
    {0, "AuthorizationProtocolMismatch", ErrorKind::forbidden, Action::fatal,
     "the SAS does not allow this protocol: write https:// in sink.url, or make it without spr"},
    {0, "AuthorizationSourceIPMismatch", ErrorKind::forbidden, Action::fatal,
     "the SAS is for other addresses than this machine's: make it with another sip, or without"},
    {0, "InsufficientAccountPermissions", ErrorKind::forbidden, Action::fatal,
     "the account allows no reads or no writes at present: name its primary endpoint in sink.url (not one "
     "with -secondary), and look at its state and its subscription"},
    {0, "KeyVault*", ErrorKind::forbidden, Action::fatal, k_key_vault},

    {400, "", ErrorKind::invalid_input, Action::fatal, k_bad_request},
    {401, "", ErrorKind::unauthenticated, Action::give_up, "the credential is wrong or has expired",
     k_wrong_token},
    {403, "", ErrorKind::forbidden, Action::fatal, k_no_permission, k_no_role},
    {404, "", ErrorKind::not_found, Action::give_up, "nothing has this name"},
    {405, "", ErrorKind::invalid_input, Action::fatal, k_bad_method},
    {407, "", ErrorKind::forbidden, Action::fatal, "the proxy wants a login: write it into https_proxy"},
    {408, "", ErrorKind::timed_out, Action::retry, k_server_fault},
    {412, "", ErrorKind::already_exists, Action::give_up, k_exists},
    {413, "", ErrorKind::invalid_input, Action::fatal,
     "the body is too large for the service, or for a proxy on the way: lower sink.block_bytes"},
    {416, "", ErrorKind::invalid_input, Action::give_up, "the blob is shorter than this"},
    {429, "", ErrorKind::throttled, Action::retry, k_slow_down},
    {500, "", ErrorKind::unavailable, Action::retry, k_server_fault},
    {501, "", ErrorKind::unsupported, Action::fatal,
     "the service does not know this operation: see whether an emulator is too old"},
    {502, "", ErrorKind::unavailable, Action::retry, k_server_fault},
    {503, "", ErrorKind::unavailable, Action::retry, k_server_fault},
    {504, "", ErrorKind::timed_out, Action::retry, k_server_fault},
};

bool fits(const Verdict& verdict, int status, std::string_view code) {
  if (verdict.code.empty()) {
    return verdict.status == status;
  }
  if (verdict.code.ends_with('*')) {
    return code.starts_with(verdict.code.substr(0, verdict.code.size() - 1));
  }
  return verdict.code == code;
}

}  // namespace

Verdict verdict_of(int status, std::string_view code) {
  for (const Verdict& verdict : k_verdicts) {
    if (fits(verdict, status, code)) {
      return verdict;
    }
  }
  if (status == 409) {
    // A conflict that passes, but for the one that a HEAD or a proxy has stripped of its code: then the name
    // must be asked.
    return code.empty() ? Verdict{409, "", ErrorKind::already_exists, Action::give_up, k_exists}
                        : Verdict{409, "", ErrorKind::unavailable, Action::retry, "a conflict that may pass"};
  }
  if (status >= 500) {
    return {status, "", ErrorKind::unavailable, Action::retry, k_server_fault};
  }
  if (status >= 400) {
    return {status, "", ErrorKind::invalid_input, Action::fatal, k_bad_request};
  }
  return {status, "", ErrorKind::unsupported, Action::fatal,
          "not an answer of the Blob service: see whether the sink's URL and the proxy are right"};
}

}  // namespace penstock::azure
