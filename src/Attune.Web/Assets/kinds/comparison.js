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
    .map(axis => ({ axis: axis.dataset.axis, value: Number(axis.querySelector(':checked').value), steps: 7, answer: Number(axis.dataset.place) }));
  return ratings.length > 0 ? { ratings } : {};
}

export function missing(answer, words) {
  if (answer.step || answer.best !== undefined || answer.ratings) return null;
  if (!answer.ranks) return words.empty;
  return new Set(answer.ranks.filter(rank => rank > 0)).size > 1 || answer.ranks.every(rank => rank === 1) ? null : words.levels;
}

export function start({ form, words, say, changed }) {
  const meaning = form.querySelector('[data-meaning]');
  const show = () => { if (meaning) meaning.textContent = form.querySelector('[name="step"]:checked')?.getAttribute('aria-label') ?? ''; };
  form.addEventListener('input', show);
  show();
  if (form.querySelector('[data-board]')) startRanking(form, words, say, changed);
}

// A digit without a control of its own: the rating of the axis that has the focus, or of the first one that is open.
export function digit(form, number, target) {
  const axes = all(form, '[data-axis]');
  const axis = target.closest('[data-axis]') ?? axes.find(candidate => !candidate.querySelector(':checked'));
  const choice = axis?.querySelector(`[value="${number}"]`);
  if (!choice) return false;
  choice.click();
  (axes[axes.indexOf(axis) + 1]?.querySelector('input') ?? choice).focus();
  return true;
}

// 1, 2, 2, 4: equal numbers are level, and n answers ahead make it n + 1; 0 was not placed.
function competition(ranks) {
  return ranks.map(own => (own === 0 ? 0 : 1 + ranks.filter(other => other > 0 && other < own).length));
}
