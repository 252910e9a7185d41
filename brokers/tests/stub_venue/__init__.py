"""A venue for tests of what surrounds an adapter: it says what it was told to say."""
