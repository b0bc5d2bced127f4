using Attune.Torch;

namespace Attune.Storage.Leases;

/// <summary>
/// In which order a task's answers are shown at each of its seats. A task with overlap n has seats 0 … n−1, and each seat holds one running or counted
/// lease, so a full task has used each once: with two answers the counts of the two orders differ by at most 1, and with K each answer stands at each place
/// once in K seats. Which of the free seats somebody gets is drawn from the seed of (task, person).
/// </summary>
public static class SideOrder
{
    /// <summary>Indexes of the answers from the left.</summary>
    /// <param name="taskSeed">The task's stored seed.</param>
    /// <param name="choices">How many answers, 0 or more.</param>
    /// <param name="seat">From 0.</param>
    public static IReadOnlyList<int> Of(long taskSeed, int choices, int seat)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(choices);
        ArgumentOutOfRangeException.ThrowIfNegative(seat);
        if (choices < 2)
            return Enumerable.Range(0, choices).ToArray();
        var (round, shift) = Math.DivRem(seat, choices);
        // Two answers have but two orders: another first order in each round would spoil the balance of an odd overlap.
        var first = new Seed((ulong)taskSeed).For("order").For(choices == 2 ? 0 : round).Permutation(choices);
        return first.Select((_, place) => first[(place + shift) % choices]).ToArray();
    }

    /// <summary>The seed of a person at a task.</summary>
    public static Seed SeedOf(long taskSeed, string personId) => new Seed((ulong)taskSeed).For("person").For(personId);

    /// <summary>One of the seats that are free.</summary>
    internal static int Seat(Seed seed, int overlap, IReadOnlyCollection<int> taken)
    {
        var free = Enumerable.Range(0, overlap).Except(taken).ToArray();
        return free[seed.Below(free.Length, row: 0)];
    }
}
