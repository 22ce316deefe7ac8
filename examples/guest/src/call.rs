//! Who called, and where this runs.

crate::record! {
    /// What a call's particle is here: the deal, and who asked.
    #[derive(Clone, Debug)]
    pub struct Particle {
        pub id: String,
        pub init_peer_id: String,
        pub timestamp: u64,
        pub ttl: u32,
        pub script: String,
        pub signature: Vec<u8>,
        pub token: String,
    }

    /// Where an argument comes from.
    #[derive(Clone, Debug)]
    pub struct SecurityTetraplet {
        pub peer_pk: String,
        pub service_id: String,
        pub function_name: String,
        pub lens: String,
    }

    /// Fields that a peer does not know are empty.
    #[derive(Clone, Debug)]
    pub struct CallParameters {
        pub particle: Particle,
        pub service_id: String,
        pub service_creator_peer_id: String,
        pub host_id: String,
        pub worker_id: String,
        pub tetraplets: Vec<Vec<SecurityTetraplet>>,
    }
}

crate::import! {
    /// Returns the parameters of the call that runs.
    "__marine_host_api_v3" fn get_call_parameters() -> CallParameters;
}
