using Attune.Torch;

namespace Attune.Updates;

/// <summary>An order of its own for every epoch: a function of the seed alone. The last one asked for is only remembered, never saved.</summary>
/// <param name="seed">Decides all orders.</param>
/// <param name="count">How many places an epoch has.</param>
internal sealed class EpochOrder(Seed seed, int count)
{
    private (long Epoch, int[] Places) _last = (-1, []);

    /// <summary>The places 0 to count − 1 in the order of an epoch.</summary>
    public int[] Of(long epoch)
    {
        if (_last.Epoch != epoch)
            _last = (epoch, seed.For(epoch).Permutation(count));
        return _last.Places;
    }
}
