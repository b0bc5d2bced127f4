// Pairs, rankings, bests and ratings.
import { startRanking } from '../ranking.js';

const all = (form, selector) => [...form.querySelectorAll(selector)];
const checked = (form, name) => form.querySelector(`[name="${name}"]:checked`)?.value;

export function read(form) {
  const [step, best] = [checked(form, 'step'), checked(form, 'best')];
  if (step) return { step: Number(step) };
  if (best) return { best: Number(best) };
  const ranks = all(form, '[data-rank]').map(rank => Number(rank.value));
  if (ranks.length > 0) return { ranks: competition(ranks) };
  const ratings = all(form, '[data-axis]').filter(axis => axis.querySelector(':checked'))
    .map(axis => ({ axis: axis.dataset.axis, value: Number(axis.querySelector(':checked').value), steps: Number(axis.dataset.steps ?? 7), answer: Number(axis.dataset.place) }));
  const labels = all(form, '[data-label] :checked').map(label => [label.closest('[data-label]').dataset.label, label.value]);
  return { ...(ratings.length > 0 && { ratings }), ...(labels.length > 0 && { answers: Object.fromEntries(labels) }) };
}

export function missing(answer, words) {
  if (answer.step || answer.best !== undefined) return null;
  if (answer.ratings || answer.answers) return open(answer) ? words.labels : null;
  if (!answer.ranks) return words.empty;
  return new Set(answer.ranks.filter(rank => rank > 0)).size > 1 || answer.ranks.every(rank => rank === 1) ? null : words.levels;
}

// Of each answer it is said whether it is spam, and of what is none how good it is on the whole.
function open(answer) {
  return [...document.querySelectorAll('[data-first]')].some(first => {
    const spam = answer.answers?.[first.dataset.label];
    return spam === undefined || (spam === 'no' && !answer.ratings?.some(rating => rating.axis === first.dataset.first && rating.answer === Number(first.dataset.place)));
  });
}

export function start({ form, words, say, changed }) {
  const meaning = form.querySelector('[data-meaning]');
  const show = () => { if (meaning) meaning.textContent = form.querySelector('[name="step"]:checked')?.getAttribute('aria-label') ?? ''; };
  form.addEventListener('input', show);
  show();
  if (form.querySelector('[data-board]')) startRanking(form, words, say, changed);
}

// A digit without a control of its own: the rating of the axis that has the focus, or of the first one that is open; of yes and no, 1 is yes.
export function digit(form, number, target) {
  const axes = all(form, '[data-axis], [data-label]');
  const axis = target.closest('[data-axis], [data-label]') ?? axes.find(candidate => !candidate.querySelector(':checked'));
  const choice = axis?.querySelectorAll('input')[number - 1];
  if (!choice) return false;
  choice.click();
  (axes[axes.indexOf(axis) + 1]?.querySelector('input') ?? choice).focus();
  return true;
}

// 1, 2, 2, 4: equal numbers are level, and n answers ahead make it n + 1; 0 was not placed.
function competition(ranks) {
  return ranks.map(own => (own === 0 ? 0 : 1 + ranks.filter(other => other > 0 && other < own).length));
}
