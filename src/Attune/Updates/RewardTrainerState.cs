using System.Text;
using Attune.Runs;
using Attune.Torch;

namespace Attune.Updates;

/// <summary>Where a run of reward training stands, and which run it is.</summary>
/// <param name="NextStep">Steps done.</param>
/// <param name="OptimiserSteps">The t of Adam's bias corrections.</param>
/// <param name="Steps">Steps of the whole run.</param>
/// <param name="Examples">Number of examples.</param>
/// <param name="Seed">The run's seed.</param>
internal readonly record struct RewardTrainerPosition(long NextStep, long OptimiserSteps, long Steps, long Examples, ulong Seed);

/// <summary>
/// The bytes of a trainer's state: magic, position, then each tensor as name, dtype, shape and row-major elements, little-endian throughout.
/// Bits are kept as they are, so that a resumed run is bit-equal. Not here: files and their atomic replacement.
/// </summary>
internal static class RewardTrainerState
{
    private const string Title = "the state of reward training";
    private const string Magic = "attune-reward-training-1";

    /// <summary>Writes position and tensors.</summary>
    public static void Write(Stream destination, RewardTrainerPosition position, IEnumerable<(string Name, Tensor Value)> tensors)
    {
        using var writer = new BinaryWriter(destination, Encoding.UTF8, leaveOpen: true);
        writer.Write(Magic);
        writer.Write(position.NextStep);
        writer.Write(position.OptimiserSteps);
        writer.Write(position.Steps);
        writer.Write(position.Examples);
        writer.Write(position.Seed);
        foreach (var (name, value) in tensors)
        {
            writer.Write(Header(name, value));
            writer.Write(Bytes(value));
        }
    }

    /// <summary>Reads into the tensors, which have to be the ones that were written.</summary>
    /// <param name="source">What <see cref="Write"/> wrote.</param>
    /// <param name="current">The trainer that is to continue.</param>
    /// <param name="tensors">Its tensors.</param>
    public static RewardTrainerPosition Read(Stream source, RewardTrainerPosition current, IEnumerable<(string Name, Tensor Value)> tensors)
    {
        using var reader = new BinaryReader(source, Encoding.UTF8, leaveOpen: true);
        try
        {
            Require("format", reader.ReadString(), Magic);
            var (next, optimiser, steps, examples) = (reader.ReadInt64(), reader.ReadInt64(), reader.ReadInt64(), reader.ReadInt64());
            var saved = new RewardTrainerPosition(next, optimiser, steps, examples, reader.ReadUInt64());
            Require("steps", saved.Steps, current.Steps);
            Require("examples", saved.Examples, current.Examples);
            Require("seed", saved.Seed, current.Seed);
            foreach (var (name, value) in tensors)
            {
                Require("tensor", reader.ReadString(), Header(name, value));
                Fill(reader, value);
            }

            return saved;
        }
        catch (EndOfStreamException)
        {
            throw InputException.One(Title, "ends in the middle", "all weights and moments", "resume from an older checkpoint");
        }
    }

    private static string Header(string name, Tensor value) => $"{name} {value.DType} [{string.Join(",", value.Shape)}]";

    private static byte[] Bytes(Tensor value)
    {
        using var scope = TensorScope.Begin();
        using var frozen = Autograd.NoGrad();
        var contiguous = value.Contiguous();
        var bytes = new byte[contiguous.Count * contiguous.DType.Size()];
        contiguous.CopyBytesTo(bytes);
        return bytes;
    }

    private static void Fill(BinaryReader reader, Tensor value)
    {
        var bytes = new byte[value.Count * value.DType.Size()];
        reader.BaseStream.ReadExactly(bytes);
        value.CopyBytesFrom(bytes);
    }

    private static void Require<T>(string key, T saved, T current)
    {
        if (!Equals(saved, current))
            throw new InputException(Title, [Problem.Of(key, $"is {saved}", $"{current}", "resume with the recipe and data the run began with")]);
    }
}
