// Stands for the application's own users, and its check of their passwords.

import { createHash, timingSafeEqual } from 'node:crypto';

const users = [
    { id: 'ada00000-0000-4000-8000-000000000001', email: 'ada@example.com', name: 'Ada', password: 'tea for two' },
    { id: 'b0b00000-0000-4000-8000-000000000002', email: 'bob@example.com', name: 'Bob', password: 'two for tea' },
];

const digest = (text) => createHash('sha256').update(String(text)).digest();

export function findByPassword(email, password) {
    const user = users.find((one) => one.email === email);
    return user && timingSafeEqual(digest(user.password), digest(password)) ? user : undefined;
}

export function findById(id) {
    return users.find((user) => user.id === id);
}
