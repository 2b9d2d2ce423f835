//! Why the password or the unit is not changed (`C5`, `U`, `W6`).

use axum::http::StatusCode;

use super::{Code, OTHER_UNIT, Problem, SetUpCall};
use crate::web::refusal_log;
use domain::password::Rejection;
use domain::phone_number::PhoneNumber;
use domain::rules;

impl Problem {
    /// 403: a user under `admin_user` cannot change the unit (`U2`).
    pub(in crate::web) fn not_allowed() -> Self {
        let detail = "認証単位は、管理者（ご契約電話番号）だけが変更できます。";
        Self::new(StatusCode::FORBIDDEN, Code::NotAllowed, detail)
            .refused(refusal_log::RefusalReason::NotAllowed)
    }

    /// 400: no such unit.
    pub(in crate::web) fn unknown_unit() -> Self {
        Self::malformed("そのような認証単位はありません。")
    }

    /// 400: the unit is in force already; nothing was compared.
    pub(in crate::web) fn unit_in_force() -> Self {
        Self::malformed("その認証単位は、すでに設定されています。")
    }

    /// 400: the passwords of these numbers are not required (`U`); nothing was compared.
    pub(in crate::web) fn passwords_not_required(numbers: &[PhoneNumber]) -> Self {
        Self::malformed(format!("{}のパスワードは必要ありません。", join_numbers(numbers)))
    }

    /// 409: the contract has changed since the client last saw it (`W6`).
    pub(in crate::web) fn changed_elsewhere() -> Self {
        let detail = "ほかの画面や電話などでご契約の内容が変更されたため、変更しませんでした。\
                      現在の内容をご確認のうえ、もう一度お試しください。";
        Self::new(StatusCode::CONFLICT, Code::ChangedElsewhere, detail)
    }

    /// 409: the passwords of these numbers are required and cannot be given (`U3`). `call` sets
    /// new ones.
    pub(in crate::web) fn credential_void(numbers: &[PhoneNumber], call: SetUpCall) -> Self {
        let detail = format!(
            "{}のパスワードは、連続で間違えたため無効になっているか、まだ設定されていないため、変更できません。\
             {call}仮パスワードを設定し、ログインしてパスワードに変更してください。{OTHER_UNIT}",
            join_numbers(numbers),
        );
        Self::new(StatusCode::CONFLICT, Code::CredentialVoid, detail).with_numbers(numbers)
    }

    /// 422: the passwords of these numbers are required (`U`); nothing was compared.
    pub(in crate::web) fn passwords_missing(numbers: &[PhoneNumber]) -> Self {
        let detail = format!("{}のパスワードが必要です。", join_numbers(numbers));
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, Code::PasswordsMissing, detail)
            .with_numbers(numbers)
    }

    /// 422: the new password breaks the rules (`C5`); the current one was not compared.
    pub(in crate::web) fn password_rejected(reasons: &[Rejection]) -> Self {
        let is_common = reasons.contains(&Rejection::TooCommon);
        let common = "多くの人が使っているパスワードは設定できません。";
        let detail = format!(
            "新しいパスワードは、{}桁～{}桁の半角英数字で、2回とも同じものを入力してください。\
             数字のみのものと、現在のパスワードと同一のものは設定できません。{}",
            rules::PASSWORD_LENGTH.start(),
            rules::PASSWORD_LENGTH.end(),
            if is_common { common } else { "" },
        );
        let reasons = reasons.iter().map(|reason| reason.as_str()).collect();
        let status = StatusCode::UNPROCESSABLE_ENTITY;
        Self { reasons, ..Self::new(status, Code::PasswordRejected, detail) }
    }

    /// 422: the current passwords of these numbers are wrong, and counted (`C2`).
    pub(in crate::web) fn wrong_password(numbers: &[PhoneNumber]) -> Self {
        Self::wrong(numbers, "連続で間違えると無効になります。")
    }

    /// The same where that voided the passwords of `voided`, other numbers than the session's.
    pub(in crate::web) fn wrong_password_voids(
        numbers: &[PhoneNumber],
        voided: &[PhoneNumber],
        call: SetUpCall,
    ) -> Self {
        let then = format!(
            "連続で間違えたため、{}のパスワードは無効になりました。\
             {call}仮パスワードを設定し、ログインしてパスワードに変更してください。{OTHER_UNIT}",
            join_numbers(voided),
        );
        Self::wrong(numbers, &then)
    }

    /// The same where the session's own password is among `voided`, which ended the session.
    pub(in crate::web) fn wrong_password_ends(
        numbers: &[PhoneNumber],
        voided: &[PhoneNumber],
        call: SetUpCall,
    ) -> Self {
        let then = format!(
            "連続で間違えたため、{}のパスワードは無効になり、ログアウトしました。\
             {call}、仮パスワードの設定からやり直してください。{OTHER_UNIT}",
            join_numbers(voided),
        );
        Self::wrong(numbers, &then)
    }

    fn wrong(numbers: &[PhoneNumber], then: &str) -> Self {
        let detail =
            format!("{}の現在のパスワードが正しくありません。{then}", join_numbers(numbers));
        let problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, Code::WrongPassword, detail);
        let problem = problem.with_numbers(numbers);
        Self { number: problem.numbers.first().cloned(), ..problem }
    }

    fn with_numbers(self, numbers: &[PhoneNumber]) -> Self {
        Self { numbers: numbers.iter().map(|number| number.as_str().into()).collect(), ..self }
    }
}

/// The numbers in a Japanese sentence.
fn join_numbers(numbers: &[PhoneNumber]) -> String {
    let names: Vec<String> = numbers.iter().map(PhoneNumber::hyphenated).collect();
    names.join("、")
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::auth_unit::AuthUnit;

    #[test]
    fn w12_who_has_to_call_is_told_the_one_key_and_what_another_would_change() {
        let number: PhoneNumber = rules::SET_UP_NUMBER.parse().unwrap();
        let call = SetUpCall { number, unit: AuthUnit::AdminUser };
        let voids = Problem::wrong_password_voids(&[], &[number], call);
        assert!(voids.detail.contains("06-6480-6430のパスワードは無効になりました"), "{voids:?}");
        for problem in [
            Problem::credential_void(&[number], call),
            Problem::wrong_password_voids(&[number], &[number], call),
            Problem::wrong_password_ends(&[number], &[number], call),
        ] {
            for part in ["06-6480-6430（有料）", "「3」（管理者/ユーザ単位）を押して", OTHER_UNIT]
            {
                assert!(problem.detail.contains(part), "{part}: {problem:?}");
            }
        }
    }
}
