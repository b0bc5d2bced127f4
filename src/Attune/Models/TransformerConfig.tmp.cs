#pragma warning disable CS1591
namespace Attune.Models;
public enum NormKind { LayerNorm, RmsNorm }
public enum PositionKind { Learned, Rotary }
public enum ActivationKind { GeluTanh, Gelu, Silu, Relu }
public sealed record TransformerConfig
{
    public int VocabularySize { get; init; } public int Width { get; init; } public int Layers { get; init; } public int Heads { get; init; } public int KeyValueHeads { get; init; }
    public int HeadWidth { get; init; } public int InnerWidth { get; init; } public int MaximumPositions { get; init; }
    public NormKind Norm { get; init; } public double NormEpsilon { get; init; } = 1e-5; public PositionKind Positions { get; init; } public double RopeTheta { get; init; } = 10000;
    public ActivationKind Activation { get; init; } public bool IsGated { get; init; } public bool AttentionBias { get; init; } public bool AttentionOutBias { get; init; } public bool MlpBias { get; init; } public bool TiedEmbeddings { get; init; }
    public double InitializerRange { get; init; } = 0.02;
}
