//! Golden runner and faulty stores for tests.
