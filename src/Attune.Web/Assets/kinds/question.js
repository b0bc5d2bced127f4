// Questions with a few answers: plain ones, verifying, reviewing.

const questions = form => [...form.querySelectorAll('[data-question]')];

export function read(form) {
  const open = questions(form).filter(question => !question.querySelector(':checked')).length;
  const answers = Object.fromEntries(questions(form).filter(question => question.querySelector(':checked'))
    .map(question => [question.dataset.question, question.querySelector(':checked').value]));
  const why = form.querySelector('[data-why]');
  return { answers, ...(why && { reason: why.value || null }), open };
}

export function missing(answer, words) {
  const { open } = answer;
  delete answer.open; // the server knows what it asked
  if (open > 0) return Object.keys(answer.answers).length === 0 ? words.empty : words['all-questions'];
  return answer.answers.accept === 'no' && !answer.reason?.trim() ? words.why : null;
}

// A digit without a control of its own: the answer to the question that has the focus, or to the first one that is open.
export function digit(form, number, target) {
  const all = questions(form);
  const question = target.closest('[data-question]') ?? all.find(candidate => !candidate.querySelector(':checked'));
  const choice = question?.querySelectorAll('input')[number - 1];
  if (!choice) return false;
  choice.click();
  (all[all.indexOf(question) + 1]?.querySelector('input') ?? choice).focus();
  return true;
}
