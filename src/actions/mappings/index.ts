import type { Type } from '@nestjs/common';
import type { Action } from '../action';
import { AwsAutoscalingCapacity } from './aws-autoscaling-capacity.action';
import { Chat } from './chat.action';
import { CloudFormsProvision } from './cloudforms-provision.action';
import { CloudFormsRetire } from './cloudforms-retire.action';
import { Email } from './email.action';
import { F5PoolMembers } from './f5-pool-members.action';
import { KubernetesScale } from './kubernetes-scale.action';
import { LogMessage } from './log-message.action';
import { SnsPublish } from './sns-publish.action';
import { Webhook } from './webhook.action';

/** List of all action mappings. */
export const ACTION_MAPPINGS: Type<Action<never>>[] = [
  AwsAutoscalingCapacity,
  Chat,
  CloudFormsProvision,
  CloudFormsRetire,
  Email,
  F5PoolMembers,
  KubernetesScale,
  LogMessage,
  SnsPublish,
  Webhook,
];
