//! `store`: artifact stores.

use super::{kinds, written};
use crate::config::span::Text;

kinds! {
    /// An artifact store: bytes and a manifest under a reference.
    Store {
        /// A directory.
        File(FilePlace) = "file",
        /// The memory of one command, for trying things out.
        Memory(MemoryPlace) = "memory",
        /// A bucket of Amazon S3, or of a server that speaks like it.
        S3(S3Place) = "s3",
        /// A bucket of Google Cloud Storage.
        Gcs(GcsPlace) = "gcs",
        /// A container of Azure Blob Storage.
        Azure(AzurePlace) = "azure",
        /// A repository of an OCI registry.
        Oci(OciPlace) = "oci",
        ; later
    }
}

written! {
    /// A directory.
    FilePlace {
        /// The directory, absolute or relative to the repository. Made by the first put.
        dir: Text,
        /// Wait until the system says that what was put is on disk. Default true.
        fsync: Option<bool>,
        /// Another pair under a reference that is taken is a conflict. Default false: it is overwritten.
        write_once: Option<bool>,
    }
}

written! {
    /// The memory of one command.
    MemoryPlace {
        /// Another pair under a reference that is taken is a conflict. Default false.
        write_once: Option<bool>,
    }
}

written! {
    /// A bucket of Amazon S3, or of a server that speaks like it.
    S3Place {
        /// Its name.
        bucket: Text,
        /// In front of every key. Default: none.
        prefix: Option<Text>,
        /// Its region. Default: AWS_REGION, else us-east-1.
        region: Option<Text>,
        /// Where it is, when not at AWS: `https://minio.acme.dev`.
        endpoint: Option<Text>,
        /// Prefix of the credential variables: `RELEASES` reads `RELEASES_ACCESS_KEY_ID` and `RELEASES_SECRET_ACCESS_KEY`. Default: as AWS's own tools do.
        credentials: Option<Text>,
        /// PEM file with additional certificate authorities.
        ca_file: Option<Text>,
        /// Another pair under a reference that is taken is a conflict. Default false.
        write_once: Option<bool>,
    }
}

written! {
    /// A bucket of Google Cloud Storage.
    GcsPlace {
        /// Its name.
        bucket: Text,
        /// In front of every key. Default: none.
        prefix: Option<Text>,
        /// Where it is, when not at Google.
        endpoint: Option<Text>,
        /// Prefix of the credential variables: `RELEASES` reads `RELEASES_SERVICE_ACCOUNT_KEY` or `RELEASES_TOKEN`. Default: GOOGLE_APPLICATION_CREDENTIALS, else this machine's identity.
        credentials: Option<Text>,
        /// PEM file with additional certificate authorities.
        ca_file: Option<Text>,
        /// Another pair under a reference that is taken is a conflict. Default false.
        write_once: Option<bool>,
    }
}

written! {
    /// A container of Azure Blob Storage.
    AzurePlace {
        /// The storage account.
        account: Text,
        /// Its name.
        container: Text,
        /// In front of every key. Default: none.
        prefix: Option<Text>,
        /// Where the account is, when not at Azure.
        endpoint: Option<Text>,
        /// Prefix of the credential variables: `RELEASES` reads `RELEASES_ACCOUNT_KEY` or `RELEASES_SAS_TOKEN`. Default: the identity of the AZURE_ variables, else this machine's.
        credentials: Option<Text>,
        /// PEM file with additional certificate authorities.
        ca_file: Option<Text>,
        /// Another pair under a reference that is taken is a conflict. Default false.
        write_once: Option<bool>,
    }
}

written! {
    /// A repository of an OCI registry, which should hold nothing else.
    OciPlace {
        /// Id of the registry: its host, credentials and certificate authorities.
        registry: Text,
        /// Repository path.
        path: Text,
        /// Another pair under a reference that is taken is a conflict. Registries have no conditional write: of two first puts at the same moment both may be told that they won. Default false.
        write_once: Option<bool>,
    }
}
