import { Modal } from '@mantine/core';
import { asksToSignIn, endAsking } from './sign-in-again';
import { SignInForm } from './sign-in-form';
import { useStore } from './store';

/** Signing in again over a form that holds what is not saved: nothing typed is lost. */
export const SignInDialog = () => (
  <Modal opened={useStore(asksToSignIn)} onClose={() => endAsking(false)} title="Your session has ended">
    <p>What you typed is still there. Sign in, and it goes on.</p>
    <SignInForm onSignedIn={() => endAsking(true)} />
  </Modal>
);
